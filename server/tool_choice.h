// The fields `tool_choice` and `parallel_tool_calls` of a request.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/run/forced_calls.h"
#include "server/json_fields.h"

namespace engine {

// "none" empties the tools. Errors: a choice of an unknown form; one that asks for a tool that there
// is not.
Result<ToolChoice> read_tool_choice(const JsonFields& fields, Json& tools);

}  // namespace engine
