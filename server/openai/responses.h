// POST /v1/responses: its requests as native chat requests, and its replies.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "server/answer.h"

namespace engine::openai {

Result<Json> native_response_request(const Json& body);

// body: the request; a reply repeats parts of it.
Result<AnswerForm> responses_form(const Json& body);

}  // namespace engine::openai
