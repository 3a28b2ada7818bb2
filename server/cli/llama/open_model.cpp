// Finding and loading the model of a llama.cpp command line.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/core/clock.h"
#include "engine/store/model_store.h"
#include "engine/text/tokenizer.h"
#include "engine/tools/tokenizer_file.h"
#include "server/cli/llama/settings.h"
#include "server/cli/progress.h"
#include "server/cli/session_set.h"
#include "server/cli/show_or_pull.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

int64_t trained_context(const Json& shown) {
  const auto info = shown.find("model_info");
  if (info == shown.end() || !info->is_object()) return 0;
  for (const auto& [key, value] : info->items()) {
    if (key.ends_with(".context_length") && value.is_number()) return value.get<int64_t>();
  }
  return 0;
}

Status load(Client& client, const AskSettings& ask) {
  Json request = request_fields(ask);
  request["prompt"] = "";
  return client.call("POST", "/api/generate", &request, [](const Json&) {});
}

// The whole context of the model, or as much of it as there is memory for.
Status load_with_context(Client& client, const Args& args, const Json& shown, AskSettings& ask) {
  if (args.text("--ctx-size", "0") != "0") return load(client, ask);
  const bool fit = args.text("--fit", "on") != "off";
  ENGINE_TRY(smallest, args.number("--fit-ctx", 4096, 4));
  int64_t n_ctx = std::min<int64_t>(trained_context(shown), kMostContext);
  if (n_ctx <= 0) return load(client, ask);
  while (true) {
    ask.options["num_ctx"] = n_ctx;
    const Status status = load(client, ask);
    const bool memory = !status && status.error().message.find("memory") != std::string::npos;
    if (!memory || !fit || n_ctx <= smallest) return status;
    n_ctx = std::max<int64_t>(n_ctx / 2, smallest);
  }
}

// Tokens that end the text are made impossible.
Status ignore_end(const std::string& path, AskSettings& ask) {
  ENGINE_TRY(tokenizer, load_tokenizer(path));
  if (ask.logit_bias.is_null()) ask.logit_bias = Json::object();
  for (const Token t : tokenizer->vocabulary().eog_ids())
    ask.logit_bias[fmt::format("{}", t)] = -100;
  return ok;
}

}  // namespace

Result<LocatedModel> fetch_llama_model(const Args& args, const std::string& name) {
  if (const std::string token = args.text("--hf-token"); !token.empty())
    ::setenv("HF_TOKEN", token.c_str(), 1);
  ENGINE_TRY(store, ModelStore::open_default());
  auto located = locate_model(store, name);
  if (located || args.has("--offline") || !name.starts_with("hf.co/")) return located;
  ENGINE_TRY(client, make_local_client("", nullptr));
  ENGINE_TRY(shown, show_or_pull(*client, name, false));
  (void)shown;
  return locate_model(store, name);
}

Result<LlamaModel> open_llama_model(const Args& args, LlamaSettings& settings) {
  ENGINE_TRY(name, llama_model(args));
  ENGINE_TRY(located, fetch_llama_model(args, name));
  LlamaModel out;
  out.path = located.path;
  settings.ask.model = name;
  settings.load.choice.path = located.path;
  ENGINE_TRY(client, make_local_client(located.in_store ? "" : located.path, &settings.ask.model,
                                       settings.load));
  out.client = std::move(client);
  ENGINE_TRY(shown, show_or_pull(*out.client, settings.ask.model, false));
  out.shown = std::move(shown);
  if (!settings.think_given) settings.ask.think = think_default(out.shown);
  if (args.has("--ignore-eos")) ENGINE_TRY_STATUS(ignore_end(out.path, settings.ask));
  ProgressView progress;
  if (takes_escapes(stderr)) progress.spin("Loading model...");
  const int64_t begin = now_ns();
  const Status loaded = load_with_context(*out.client, args, out.shown, settings.ask);
  out.load_ns = now_ns() - begin;
  progress.clear();
  if (!loaded) return loaded.error();
  return out;
}

}  // namespace engine::cli
