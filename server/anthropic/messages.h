// Messages made of blocks as native messages.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine::anthropic {

// system: text or a list of blocks, put in front; nullptr: none.
Result<Json> native_messages(const Json* system, const Json& list);

}  // namespace engine::anthropic
