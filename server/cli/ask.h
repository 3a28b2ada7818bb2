// One question to a model through the API, the answer printed as it comes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/result.h"
#include "server/cli/client.h"
#include "server/cli/printer.h"

namespace engine::cli {

struct AskSettings {
  std::string model;  // as the API knows it
  Json options = Json::object();
  Json think, format, logit_bias, shift;  // null: not given
  std::string keep_alive, system;
  bool verbose = false, wrap = true, hide_thinking = false;
  ThinkingMarks marks = {};
};

struct ChatAnswer {
  Json message;     // of the assistant, for the next question
  Json statistics;  // the final object; empty when there was none
};

// POST /api/generate. An empty prompt only loads the model. images: as files_field() makes it.
Status ask_once(Client& client, const AskSettings& settings, const std::string& prompt,
                const Json& images = Json());

// POST /api/chat with these messages. On an error (Errc::cancelled: Ctrl-C) nothing of the answer is
// kept.
Result<ChatAnswer> ask_chat(Client& client, const AskSettings& settings, const Json& messages);

// The fields of a request that the settings stand for; "model" is the first.
Json request_fields(const AskSettings& settings);

// The timing block of --verbose, out of the final object; lines without a value are left out.
std::string statistics_text(const Json& final_object);

}  // namespace engine::cli
