// The messages of a caller.
#pragma once

#include <vector>

#include "engine/core/result.h"
#include "engine/text/chat_template.h"
#include "include/engine.h"

namespace engine::capi {

// Errors name the message and the member.
Result<std::vector<ChatMessage>> read_messages(const engine_message* messages, size_t n);

}  // namespace engine::capi
