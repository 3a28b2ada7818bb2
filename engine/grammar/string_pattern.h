// Regular expressions of JSON schemas as grammars of JSON strings.
#pragma once

#include <string_view>

#include "engine/grammar/json_values.h"

namespace engine::grammar {

// The characters of a string that matches the pattern, without the quotes. As in JSON Schema a
// pattern without ^ and $ may match anywhere.
// Errc::invalid_argument: what is wrong, or which construct (look-around, back references, word
// borders, anchors inside) is not supported.
Result<ExprId> string_pattern(Grammar& g, JsonValues& json, std::string_view pattern);

// The pattern of a named format; "": unknown.
std::string_view format_pattern(std::string_view name);

}  // namespace engine::grammar
