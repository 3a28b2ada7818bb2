// Text to JSON and back; the only place where that happens. Nothing throws.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/result.h"

namespace engine {

using Json = nlohmann::ordered_json;  // keeps the order of keys, as templates and clients expect

// Invalid UTF-8 and lone surrogates become U+FFFD; bytes after the value are ignored;
// the last duplicate key wins. Errc::invalid_argument carries the byte offset.
Result<Json> parse_json(std::string_view text);

// Compact for indent < 0. Invalid UTF-8 in strings is replaced.
std::string dump_json(const Json& value, int indent = -1);

// "" where object is no object, or the key is missing or no string.
std::string text_of(const Json& object, const char* key);

// s with every invalid UTF-8 sequence replaced by U+FFFD.
std::string repair_utf8(std::string_view s);

}  // namespace engine
