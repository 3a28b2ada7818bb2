// What the command lines of llama.cpp ask for, as requests of our API and ways of loading.
#pragma once

#include <memory>
#include <string>

#include "engine/core/log.h"
#include "server/cli/ask.h"
#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/load_choice.h"

namespace engine::cli {

struct LlamaSettings {
  AskSettings ask;  // ask.model is known once the model is opened
  LoadChoice load;
  std::string prompt;
  bool think_given = false;
};

// Requires: args of a verb with llama rules. Errors name the flag.
Result<LlamaSettings> llama_settings(const Args& args);
// How to load alone, as the server and the measuring tools need it.
Result<LoadChoice> llama_load_choice(const Args& args);
// Metadata, the chat template and its variables.
Status read_choice_flags(const Args& args, ModelChoice& choice);
// The options of the flags that were given, without the defaults of these programs.
Result<Json> llama_given_options(const Args& args);
// "hf.co/USER/REPO:QUANT", a name of the store, or the path of a file. Error: no model is given.
Result<std::string> llama_model(const Args& args);
// What the flags say, else the number `fallback` (3: information).
LogLevel llama_log_level(const Args& args, int fallback);
// Level and file of the log. Errc::io: the file cannot be written.
Status start_llama_log(const Args& args);
// A switch that is on unless it was switched off.
bool llama_switch(const Args& args, const char* key, bool fallback);

struct LlamaModel {
  std::unique_ptr<Client> client;
  std::string path;     // of the file
  Json shown;           // what /api/show says of it
  int64_t load_ns = 0;  // what loading took
};
// Fetches a model of the hub that is not here, with its progress in the terminal.
// Errors: there is none of this name, or it must not be fetched (--offline).
Result<LocatedModel> fetch_llama_model(const Args& args, const std::string& name);
// Finds the model, fetches it if need be, and loads it in this process with the context that was
// asked for.
Result<LlamaModel> open_llama_model(const Args& args, LlamaSettings& settings);

// "\\n" as a line end, and so on: \n \t \r \a \b \f \v \\ \" \' \xHH.
std::string unescape_text(const std::string& text);

}  // namespace engine::cli
