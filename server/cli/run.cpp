// `engine run`: one answer, or a session.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/model_store.h"
#include "server/cli/ask.h"
#include "server/cli/client.h"
#include "server/cli/embed_once.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/load_choice.h"
#include "server/cli/prompt_files.h"
#include "server/cli/session.h"
#include "server/cli/session_set.h"
#include "server/cli/show_or_pull.h"
#include "server/cli/stdin_text.h"
#include "server/cli/terminal.h"
#include "server/duration.h"

namespace engine::cli {
namespace {

Result<Json> think_of(const std::string& value) {
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

bool looks_like_path(const std::string& model) {
  return model.starts_with('/') || model.starts_with("./") || model.starts_with("../") ||
         model.starts_with('~') || model.ends_with(".gguf");
}

// A file is used in this process: a server knows only its store. So is a way of loading that is
// asked for: a server has its own.
Result<std::unique_ptr<Client>> client_for(const std::string& model, LoadChoice load,
                                           std::string& name) {
  ENGINE_TRY(store, ModelStore::open_default());
  const auto located = locate_model(store, model);
  if (located) load.choice.path = located->path;
  if (located && !located->in_store) return make_local_client(located->path, &name, load);
  if (!located && looks_like_path(model)) return located.error();
  name = model;
  if (!load.given()) {
    auto client = connect_client();
    if (client || client.error().code == Errc::cancelled) return client;
  }
  return make_local_client("", nullptr, load);
}

Result<AskSettings> settings_of(const Args& args) {
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
  if (args.values.contains("--think")) {
    ENGINE_TRY(think, think_of(args.text("--think")));
    settings.think = think;
  }
  return settings;
}

// What is piped in, then the words of the command line.
Result<std::string> prompt_of(const Args& args) {
  std::string prompt;
  if (!stdin_is_terminal()) {
    ENGINE_TRY(text, read_stdin_text());
    prompt = std::move(text);
  }
  for (size_t i = 1; i < args.words.size(); ++i)
    prompt += (prompt.empty() ? "" : " ") + args.words[i];
  return prompt;
}

Status embed(Client& client, const Args& args, const AskSettings& settings,
             const std::string& prompt) {
  EmbedSettings own{settings.model, settings.keep_alive, std::nullopt, 0};
  if (args.values.contains("--truncate")) own.truncate = args.has("--truncate");
  ENGINE_TRY(dimensions, args.number("--dimensions", 0, 0));
  own.dimensions = dimensions;
  return embed_once(client, own, prompt);
}

Status run(const Args& args) {
  ENGINE_TRY(settings, settings_of(args));
  ENGINE_TRY(prompt, prompt_of(args));
  catch_interrupts();
  ENGINE_TRY(load, load_choice(args));
  ENGINE_TRY(client, client_for(args.words[0], load, settings.model));
  ENGINE_TRY(shown, show_or_pull(*client, settings.model, args.has("--insecure")));
  if (is_embedding_model(shown)) return embed(*client, args, settings, prompt);
  if (settings.think.is_null()) settings.think = think_default(shown);
  if (prompt.empty() && stdin_is_terminal() && stdout_is_terminal())
    return run_session(*client, std::move(settings), std::move(shown));
  Json images;
  if (takes_files(shown)) {
    ENGINE_TRY(taken, take_files(prompt));
    prompt = std::move(taken.text);
    images = files_field(taken.files);
  }
  return ask_once(*client, settings, prompt, images);
}

constexpr Flag kRunFlags[] = {
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
    {"--insecure", "", "allow an unencrypted registry when the model is pulled"},
    {"--truncate", "", "embedding models: cut texts that are too long"},
    {"--dimensions", "N", "embedding models: length of the vector"},
};
constexpr Env kRunEnvironment[] = {
    Env::OLLAMA_HOST,           Env::OLLAMA_MODELS,    Env::OLLAMA_NOHISTORY,   Env::OLLAMA_EDITOR,
    Env::OLLAMA_CONTEXT_LENGTH, Env::ENGINE_SPECULATE, Env::ENGINE_DRAFT_MODEL, Env::ENGINE_MEMORY,
    Env::ENGINE_THREADS,        Env::ENGINE_ISA};

}  // namespace

extern const Verb verb_run;
const Verb verb_run = {"run",
                       "",
                       "MODEL [PROMPT...]",
                       "Answer a prompt, or chat",
                       1,
                       -1,
                       kRunFlags,
                       kRunEnvironment,
                       run,
                       "MODEL is a name that `engine list` shows, or the path of a GGUF file. "
                       "Without a prompt, on a terminal, a session\n"
                       "begins. What is piped in is the prompt. Works without a server."};

}  // namespace engine::cli
