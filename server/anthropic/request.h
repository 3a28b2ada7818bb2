// POST /v1/messages as a native chat request.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine::anthropic {

// counting: for /v1/messages/count_tokens, whose requests have no max_tokens.
Result<Json> native_chat(const Json& body, bool counting);

}  // namespace engine::anthropic
