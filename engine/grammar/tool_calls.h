// Grammars whose texts are calls of tools, in the way that a model writes them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/call_layout.h"
#include "engine/core/json_io.h"
#include "engine/grammar/grammar.h"

namespace engine::grammar {

// How the values of $parameters are written.
enum class ParameterText : uint8_t {
  json,    // as JSON
  plain,   // texts as they are, everything else as JSON; the reader goes by the schema
  marked,  // texts between marks, everything else as JSON
};

struct CallShape {
  CallLayout layout;
  ParameterText values = ParameterText::json;
  std::string_view mark;
  bool kinds_told = false;  // plain: $kind says whether a value is a text, not the schema
  std::vector<Tag> tags;    // texts that are tokens of their own
};

// tools: array of {function: {name, parameters}}. only: the one that may be called; "": any.
// several: more than one call may follow, where the layout allows it.
// Errc::invalid_argument: a schema that no grammar is made of, or that the layout cannot write.
Result<Grammar> call_grammar(const CallShape& shape, const Json& tools, const std::string& only,
                             bool several);

}  // namespace engine::grammar
