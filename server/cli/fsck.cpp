// `engine fsck`: the store of this machine checked, and its garbage removed on request.
#include "engine/store/fsck.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/core/bytes_text.h"
#include "engine/core/json_io.h"
#include "engine/store/model_store.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"

namespace engine::cli {
namespace {

const char* harm_name(Harm harm) {
  return harm == Harm::unsound ? "unsound" : harm == Harm::garbage ? "garbage" : "note";
}

Json report_json(const std::string& root, const FsckReport& report) {
  Json findings = Json::array();
  for (const Finding& f : report.findings) {
    findings.push_back(Json{{"kind", kind_name(f.kind)},
                            {"harm", harm_name(harm_of(f.kind))},
                            {"path", f.path},
                            {"bytes", f.bytes},
                            {"detail", f.detail},
                            {"advice", advice_of(f.kind)},
                            {"repaired", f.repaired}});
  }
  return Json{{"store", root},         {"sound", report.sound()}, {"models", report.models},
              {"blobs", report.blobs}, {"bytes", report.bytes},   {"findings", findings}};
}

void print_report(const std::string& root, const FsckReport& report) {
  for (const Finding& f : report.findings) {
    const std::string size = f.bytes > 0 ? fmt::format(" ({})", bytes_text(f.bytes)) : "";
    fmt::print("{}: {}{}\n    {}\n    {}\n", harm_name(harm_of(f.kind)), f.path, size, f.detail,
               f.repaired ? "removed" : advice_of(f.kind));
  }
  fmt::print("{}: {} models, {} blobs, {}: {}\n", root, report.models, report.blobs,
             bytes_text(report.bytes), report.sound() ? "sound" : "not sound");
}

Status fsck(const Args& args) {
  catch_interrupts();
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(report, check_store(store.root(), [](int64_t, int64_t) { return !interrupted(); }));
  const Status repaired = args.has("--repair") ? repair_store(store.root(), report) : Status(ok);
  if (args.has("--json"))
    fmt::print("{}\n", dump_json(report_json(store.root(), report), 2));
  else
    print_report(store.root(), report);
  ENGINE_TRY_STATUS(repaired);
  if (report.sound()) return ok;
  return Error{Errc::corrupt, "the store is not sound: see above what to do"};
}

constexpr Flag kFlags[] = {{"--json", "", "print JSON"},
                           {"--repair", "", "remove what no model needs, and nothing else"}};
constexpr Env kEnvironment[] = {Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_fsck;
const Verb verb_fsck = {
    "fsck", "",           "",   "Check the models of this machine, every byte of them",        0, 0,
    kFlags, kEnvironment, fsck, "Needs no server. The exit code is 1 when a model is damaged."};

}  // namespace engine::cli
