// What the text of a template says about the model behind it: which values it shows, where an
// answer begins, how thinking and calls of tools are marked.
#pragma once

#include <string>
#include <string_view>

#include "engine/text/gotemplate/ast.h"

namespace engine::gotemplate {

// name: in lower case, as in Program::mentions.
bool mentions(const Program& program, std::string_view name);

// The order of the first action that shows .Response; INT_MAX when there is none.
int response_order(const Program& program);

struct ThinkingTags {
  std::string open, close;  // both, or neither
};
ThinkingTags thinking_tags(const Program& program);

// What a call of a tool begins with, "{" where nothing says so.
std::string tool_call_tag(const Program& program);

// Whether the template shows the calls of an answer and the results of the tools.
bool has_tool_round_trip(const Program& program);

}  // namespace engine::gotemplate
