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

Status load(Client& client, const AskSettings& ask) {
  Json request = request_fields(ask);
  request["prompt"] = "";
  return client.call("POST", "/api/generate", &request, [](const Json&) {});
}

// Tokens that end the text are made impossible.
Status ignore_end(const LocatedModel& model, AskSettings& ask) {
  ENGINE_TRY(tokenizer, load_tokenizer(model.files()));
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
  if (args.has("--ignore-eos")) ENGINE_TRY_STATUS(ignore_end(located, settings.ask));
  ProgressView progress;
  if (takes_escapes(stderr)) progress.spin("Loading model...");
  const int64_t begin = now_ns();
  const Status loaded = load(*out.client, settings.ask);
  out.load_ns = now_ns() - begin;
  progress.clear();
  if (!loaded) return loaded.error();
  return out;
}

}  // namespace engine::cli
