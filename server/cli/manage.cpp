// `engine cp`, `rm`, `stop`, `load`, `restart`: verbs that change the store, or what is in memory.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/keep_alive.h"
#include "server/duration.h"

namespace engine::cli {
namespace {

Status unload(Client& client, const std::string& model) {
  const auto answer = client.post("/api/generate", {{"model", model}, {"keep_alive", 0}});
  return answer ? Status(ok) : Status(answer.error());
}

Status cp(const Args& args) {
  catch_interrupts();
  ENGINE_TRY(client, connect_or_own_store());
  ENGINE_TRY_STATUS(
      client->post("/api/copy", {{"source", args.words[0]}, {"destination", args.words[1]}}));
  fmt::print("copied '{}' to '{}'\n", args.words[0], args.words[1]);
  return ok;
}

Status rm(const Args& args) {
  catch_interrupts();
  ENGINE_TRY(client, connect_or_own_store());
  for (const std::string& model : args.words) {
    if (!client->in_process()) {
      const Status stopped = unload(*client, model);
      if (!stopped && stopped.error().code == Errc::cancelled) return stopped.error();
      if (!stopped && stopped.error().code != Errc::not_found)
        fmt::print(stderr, "Warning: unable to stop model '{}'\n", model);
    }
    const Json request = {{"name", model}};
    ENGINE_TRY_STATUS(client->call("DELETE", "/api/delete", &request, [](const Json&) {}));
    fmt::print("deleted '{}'\n", model);
  }
  return ok;
}

Status stop(const Args& args) {
  catch_interrupts();
  ENGINE_TRY(client, connect_client());
  const Status stopped = unload(*client, args.words[0]);
  if (!stopped && stopped.error().code == Errc::not_found)
    return Error{Errc::not_found, fmt::format("couldn't find model \"{}\" to stop", args.words[0])};
  return stopped;
}

Status load_model(Client& client, const Args& args) {
  const std::string &model = args.words[0], keep_alive = args.text("--keepalive");
  ENGINE_TRY(shown, client.post("/api/show", {{"model", model}}));
  const Json& can = shown["capabilities"];
  const bool answers =
      !can.is_array() || std::find(can.begin(), can.end(), "completion") != can.end();
  Json request = {{"model", model}};
  if (!keep_alive.empty()) request["keep_alive"] = keep_alive_json(keep_alive);
  // neither a prompt nor an input: the model is loaded and nothing else
  if (!answers) request["input"] = "";
  if (answers) request["stream"] = false;
  const auto answer = client.post(answers ? "/api/generate" : "/api/embed", request);
  return answer ? Status(ok) : Status(answer.error());
}

Status check_keep_alive(const Args& args) {
  const std::string text = args.text("--keepalive");
  if (text.empty() || parse_duration_or_seconds(text)) return ok;
  return Error{Errc::invalid_argument, fmt::format("time: invalid duration \"{}\"", text)};
}

Status load(const Args& args) {
  ENGINE_TRY_STATUS(check_keep_alive(args));
  catch_interrupts();
  ENGINE_TRY(client, connect_client());
  return load_model(*client, args);
}

Status restart(const Args& args) {
  ENGINE_TRY_STATUS(check_keep_alive(args));
  catch_interrupts();
  ENGINE_TRY(client, connect_client());
  ENGINE_TRY_STATUS(unload(*client, args.words[0]));
  return load_model(*client, args);
}

constexpr Flag kLoadFlags[] = {
    {"--keepalive", "D", "how long the server keeps the model loaded (5m, 1h, -1)"}};
constexpr Env kServer[] = {Env::OLLAMA_HOST};
constexpr Env kServerOrStore[] = {Env::OLLAMA_HOST, Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_stop, verb_load, verb_restart, verb_cp, verb_rm;
const Verb verb_stop = {
    "stop", "", "MODEL", "Take a model out of the memory of the server", 1, 1, {}, kServer, stop};
const Verb verb_load = {"load", "", "MODEL",    "Load a model into the memory of the server",
                        1,      1,  kLoadFlags, kServer,
                        load};
const Verb verb_restart = {"restart",  "",      "MODEL", "Load a model anew", 1, 1,
                           kLoadFlags, kServer, restart};
const Verb verb_cp = {"cp",
                      "",
                      "SOURCE DESTINATION",
                      "Give a model a further name",
                      2,
                      2,
                      {},
                      kServerOrStore,
                      cp,
                      "Takes no room: both names share what the model is made of. Without a server "
                      "on this machine, the store\nis changed directly."};
const Verb verb_rm = {"rm",
                      "",
                      "MODEL...",
                      "Remove models",
                      1,
                      -1,
                      {},
                      kServerOrStore,
                      rm,
                      "What no other model needs is deleted. Without a server on this machine, the "
                      "store is changed directly."};

}  // namespace engine::cli
