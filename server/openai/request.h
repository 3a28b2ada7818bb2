// Requests of the OpenAI API as native requests: bodies of /api/chat and /api/generate.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "server/json_fields.h"

namespace engine::openai {

// POST /v1/chat/completions and POST /v1/completions.
Result<Json> native_chat(const Json& body);
Result<Json> native_generate(const Json& body);
// What a reply holds on request.
struct ReplyExtras {
  bool usage = false;    // stream_options.include_usage: a stream ends with the numbers of tokens
  bool timings = false;  // timings_per_token: the last object has `timings`
};
Result<ReplyExtras> read_extras(const JsonFields& fields);

// ---- parts that the requests of several endpoints share ----

// `options` of the request, then temperature and top_p (1 when absent, whatever the model says),
// the penalties and the seed.
Result<Json> native_options(const JsonFields& fields);
// `think` for an effort such as "low"; null for "".
Result<Json> native_think(const std::string& effort);
// reasoning.effort, else reasoning_effort; "" for neither.
Result<std::string> reasoning_effort(const JsonFields& fields);
// `format` for a response_format; null: free text.
Result<Json> native_format(const JsonFields& format);
// tool_choice and parallel_tool_calls, which native requests have in the same form.
void copy_tool_choice(const JsonFields& fields, Json& native);

}  // namespace engine::openai
