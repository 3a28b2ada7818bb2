// What the answer to a request is made from, and how it is worded: for /api/generate and /api/chat
// as NDJSON streams and single objects; the endpoints of other APIs bring a form of their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"
#include "engine/text/output/answer_parser.h"
#include "server/formatter.h"
#include "server/http/http.h"

namespace engine {

struct Prompt;

// One line of a stream is at most this long: the line buffer of the most common client library.
inline constexpr size_t kMaxLineBytes = 8'000'000;

struct AnswerInfo {
  std::string model;  // as the client sent it
  bool chat = false;  // message objects instead of response texts
  bool stream = true;
  bool with_context = false;          // generate: the tokens of prompt and answer at the end
  FormatPtr format;                   // of reasoning and calls; null: the text is raw
  std::string call_tag;               // in place of that of the format; "": the format's
  std::shared_ptr<const Json> tools;  // chat: that may be called; nullptr: none
  bool parallel_calls = true;         // false: calls behind the first are left out
  bool split_thinking = false;        // reasoning between the tags goes to a field of its own
  std::string think_open = "<think>", think_close = "</think>";
  bool logprobs = false;         // every object with text has those of its tokens
  bool starts_thinking = false;  // the prompt ended inside the tags
  std::chrono::steady_clock::time_point arrival{};
  std::chrono::nanoseconds load{};  // from arrival until the model was available
  int prompt_tokens = 0;
  std::string note;  // for the request log: what was left out of the prompt
};

std::unique_ptr<Formatter> make_native_formatter(AnswerInfo info);

// What splits the text of this answer; nullptr: all of it is content.
std::unique_ptr<AnswerParser> make_answer_parser(const AnswerInfo& info);

// {"model", "created_at", and an empty response or message}: what every reply
// of the two endpoints begins with.
Json answer_object(const AnswerInfo& info, const std::string& content, const std::string& thinking);
// The answer to a request without a prompt. reason: "load" or "unload".
Json load_reply(const AnswerInfo& info, const char* reason);
// The rendered prompt instead of an answer.
Json debug_reply(const AnswerInfo& info, const Prompt& prompt);

// How an API words what comes of a request. Requires: the first three are not empty.
struct AnswerForm {
  std::function<std::unique_ptr<Formatter>(AnswerInfo)> formatter;
  std::function<Json(const AnswerInfo&, const char* reason)> loaded;  // there was no prompt
  std::function<Json(const AnswerInfo&, const Prompt&)> rendered;     // only that was wanted
  // The reply to a request whose prompt cannot be made; empty: as the API words errors.
  std::function<HttpResponse(const Error&)> refused = {};
  bool think_if_able = false;  // `think` is dropped where the model cannot, instead of refused
};
AnswerForm native_form();

}  // namespace engine
