// Two JSON schemas at once: the schema of what matches both.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine::grammar {

enum class KeywordUse : uint8_t { ignored, constrains, unsupported };
struct Keyword {
  KeywordUse use = KeywordUse::ignored;
  std::string_view kind;  // of the values it is about; "": any
};
Keyword keyword(std::string_view name);

// Whether the schema says anything about values.
bool constrains(const Json& schema);

// `false` when nothing can match both. Requires: neither has $ref or allOf at its top.
// Errc::unsupported: both have a keyword that cannot be combined.
Result<Json> merge_schemas(const Json& a, const Json& b);

}  // namespace engine::grammar
