// `engine run`: one answer, or a session.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/model_store.h"
#include "server/cli/ask.h"
#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/load_choice.h"
#include "server/cli/printer.h"
#include "server/cli/session.h"
#include "server/cli/session_set.h"
#include "server/cli/stdin_text.h"
#include "server/duration.h"

namespace engine::cli {
namespace {

Result<Json> think_of(const Args& args) {
  const std::string value = args.text("--think");
  if (value == "true" || value == "false") return Json(value == "true");
  for (const char* level : {"high", "medium", "low", "max"}) {
    if (value == level) return Json(value);
  }
  return Error{
      Errc::invalid_argument,
      fmt::format(
          "invalid value for --think: \"{}\" (must be true, false, high, medium, low, or max)",
          value)};
}

Result<Json> format_of(const std::string& text) {
  if (text == "json") return Json(text);
  auto schema = parse_json(text);
  if (!schema || !schema->is_object())
    return Error{Errc::invalid_argument, "--format takes json or a JSON schema"};
  return schema;
}

// A file is used in this process: a server knows only its store. So is a way of loading that is
// asked for: a server has its own.
Result<std::unique_ptr<Client>> client_for(const std::string& model, LoadChoice load,
                                           std::string& name) {
  ENGINE_TRY(store, ModelStore::open_default());
  const auto located = locate_model(store, model);
  if (located) load.adapted_path = located->path;
  if (located && !located->in_store) return make_local_client(located->path, &name, load);
  name = model;
  if (!load.given()) {
    auto client = connect_client();
    if (client || client.error().code == Errc::cancelled) return client;
  }
  if (!located) return located.error();
  return make_local_client("", nullptr, load);
}

Status run(const Args& args) {
  AskSettings settings;
  settings.verbose = args.has("--verbose");
  settings.hide_thinking = args.has("--hidethinking");
  settings.wrap = !args.has("--nowordwrap");
  settings.keep_alive = args.text("--keepalive");
  if (!settings.keep_alive.empty() && !parse_duration_or_seconds(settings.keep_alive)) {
    return Error{Errc::invalid_argument,
                 fmt::format("time: invalid duration \"{}\"", settings.keep_alive)};
  }
  if (!args.text("--format").empty()) {
    ENGINE_TRY(format, format_of(args.text("--format")));
    settings.format = format;
  }
  std::string prompt;
  if (!stdin_is_terminal()) {
    ENGINE_TRY(text, read_stdin_text());
    prompt = std::move(text);
  }
  for (size_t i = 1; i < args.words.size(); ++i)
    prompt += (prompt.empty() ? "" : " ") + args.words[i];

  catch_interrupts();
  ENGINE_TRY(load, load_choice(args));
  ENGINE_TRY(client, client_for(args.words[0], load, settings.model));
  ENGINE_TRY(shown, client->post("/api/show", {{"model", settings.model}}));
  if (args.values.contains("--think")) {
    ENGINE_TRY(think, think_of(args));
    settings.think = think;
  } else {
    settings.think = think_default(shown);
  }
  if (prompt.empty() && stdin_is_terminal() && stdout_is_terminal())
    return run_session(*client, std::move(settings), std::move(shown));
  return ask_once(*client, settings, prompt);
}

constexpr Flag kFlags[] = {
    {"--verbose", "", "show timings after each answer"},
    {"--keepalive", "D", "how long the server keeps the model loaded (5m, 1h, -1)"},
    kDraftFlag,
    kLoraFlag,
    kLoraScaledFlag,
    kNoMmapFlag,
    kNoRepackFlag,
    kMlockFlag,
    {"--format", "F", "json, or a JSON schema the answer follows"},
    {"--think", "[V]", "reason before answering: true, false, high, medium, low, max"},
    {"--hidethinking", "", "do not print the reasoning"},
    {"--nowordwrap", "", "do not wrap lines at words"},
    {"--insecure", "", nullptr},
};
constexpr Env kEnvironment[] = {
    Env::OLLAMA_HOST,           Env::OLLAMA_MODELS,    Env::OLLAMA_NOHISTORY,
    Env::OLLAMA_CONTEXT_LENGTH, Env::ENGINE_SPECULATE, Env::ENGINE_DRAFT_MODEL,
    Env::ENGINE_MEMORY,         Env::ENGINE_THREADS,   Env::ENGINE_ISA};

}  // namespace

extern const Verb verb_run;
const Verb verb_run = {"run",
                       "",
                       "MODEL [PROMPT...]",
                       "Answer a prompt, or chat",
                       1,
                       -1,
                       kFlags,
                       kEnvironment,
                       run,
                       "MODEL is a name that `engine list` shows, or the path of a GGUF file. "
                       "Without a prompt, on a terminal, a session\n"
                       "begins. What is piped in is the prompt. Works without a server."};

}  // namespace engine::cli
