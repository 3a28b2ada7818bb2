// The replies of /api/generate and /api/chat: NDJSON streams
// and single objects out of the events of an answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"
#include "server/formatter.h"

namespace engine {

// One line of a stream is at most this long: the line buffer of the most common client library.
inline constexpr size_t kMaxLineBytes = 8'000'000;

struct AnswerInfo {
  std::string model;  // as the client sent it
  bool chat = false;  // message objects instead of response texts
  bool stream = true;
  bool with_context = false;     // generate: the tokens of prompt and answer in the final object
  bool split_thinking = false;   // reasoning between <think> tags goes to a field of its own
  bool starts_thinking = false;  // the prompt ended inside the tags
  std::chrono::steady_clock::time_point arrival{};
  std::chrono::nanoseconds load{};  // from arrival until the model was available
  std::string note;                 // for the request log: what was left out of the prompt
};

std::unique_ptr<Formatter> make_native_formatter(AnswerInfo info);

// {"model", "created_at", and an empty response or message}: what every reply
// of the two endpoints begins with.
Json answer_object(const AnswerInfo& info, const std::string& content, const std::string& thinking);
// The answer to a request without a prompt. reason: "load" or "unload".
Json load_reply(const AnswerInfo& info, const char* reason);
// The rendered prompt instead of an answer.
Json debug_reply(const AnswerInfo& info, const std::string& rendered);

}  // namespace engine
