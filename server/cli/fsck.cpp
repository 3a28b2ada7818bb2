// `engine fsck`: the store of this machine checked, and its garbage removed on request.
#include "engine/store/fsck.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/core/json_io.h"
#include "engine/store/model_store.h"
#include "server/cli/flags.h"
#include "server/cli/forms.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"

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

std::string size_text(int64_t bytes) {
  return bytes > 0 ? fmt::format(" ({})", bytes_text(bytes)) : "";
}

// Several harmless findings of a kind are one line of their number and bytes, unless all are wanted.
void print_findings(const std::vector<Finding>& findings, bool all) {
  struct Sum {
    int64_t count = 0, bytes = 0;
    bool told = false;
  };
  std::map<std::pair<FindingKind, bool>, Sum> sums;
  for (const Finding& f : findings) {
    Sum& sum = sums[{f.kind, f.repaired}];
    ++sum.count;
    sum.bytes += f.bytes;
  }
  for (const Finding& f : findings) {
    const std::string_view noun = noun_of(f.kind);
    const char* harm = harm_name(harm_of(f.kind));
    Sum& sum = sums[{f.kind, f.repaired}];
    if (sum.told) continue;
    if (all || noun.empty() || sum.count == 1) {
      fmt::print("{}: {}{}\n    {}\n", harm, f.path, size_text(f.bytes), f.detail);
    } else {
      fmt::print("{}: {}{}\n", harm, counted(sum.count, noun), size_text(sum.bytes));
      sum.told = true;
    }
    fmt::print("    {}\n", f.repaired ? "removed" : advice_of(f.kind));
  }
}

void print_report(const std::string& root, const FsckReport& report, bool all) {
  print_findings(report.findings, all);
  fmt::print("{}: {}, {}, {}: {}\n", root, counted(report.models, "model"),
             counted(report.blobs, "blob"), bytes_text(report.bytes),
             report.sound() ? "sound" : "not sound");
}

Result<FsckReport> check_with_progress(const std::string& root) {
  ProgressView view;
  auto report = check_store(root, [&view](int64_t done, int64_t total) {
    view.bar("checking blobs", done, total);
    return !interrupted();
  });
  view.clear();
  return report;
}

Status fsck(const Args& args) {
  catch_interrupts();
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(report, check_with_progress(store.root()));
  const Status repaired = args.has("--repair") ? repair_store(store.root(), report) : Status(ok);
  if (args.has("--json"))
    fmt::print("{}\n", dump_json(report_json(store.root(), report), 2));
  else
    print_report(store.root(), report, args.has("--verbose"));
  ENGINE_TRY_STATUS(repaired);
  if (report.sound()) return ok;
  return Error{Errc::corrupt, "the store is not sound: see above what to do"};
}

constexpr Flag kFsckFlags[] = {
    {"--json", "", "print JSON"},
    {"--repair", "", "remove what no model needs, and nothing else"},
    {"-v,--verbose", "", "name every file, also of those that are summed up"}};
constexpr Env kFsckEnvironment[] = {Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_fsck;
const Verb verb_fsck = {"fsck",     "",
                        "",         "Check the models of this machine, every byte of them",
                        0,          0,
                        kFsckFlags, kFsckEnvironment,
                        fsck,       "Needs no server. The exit code is 1 when a model is damaged."};

}  // namespace engine::cli
