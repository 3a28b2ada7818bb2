// One question to a model through the API, the answer printed as it comes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/result.h"
#include "server/cli/client.h"

namespace engine::cli {

struct AskSettings {
  std::string model;  // as the API knows it
  Json options = Json::object();
  Json think, format;  // null: not given
  std::string keep_alive, system;
  bool verbose = false, wrap = true, hide_thinking = false;
};

// POST /api/generate. An empty prompt only loads the model.
Status ask_once(Client& client, const AskSettings& settings, const std::string& prompt);

// POST /api/chat with these messages; answer: the assistant's message, for the next question.
Status ask_chat(Client& client, const AskSettings& settings, const Json& messages, Json& answer);

// The timing block of --verbose, out of the final object; lines without a value are left out.
std::string statistics_text(const Json& final_object);

}  // namespace engine::cli
