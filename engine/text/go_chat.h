// A chat through a Go template: messages and tools as the values it expects, and the turn by turn
// rendering of templates that know only .System, .Prompt and .Response.
#pragma once

#include "engine/core/result.h"
#include "engine/text/chat_template.h"

namespace engine {

namespace gotemplate {
struct Program;
}

// Parses; a template that shows neither messages nor the answer gets {{ .Response }} at its end.
Result<std::shared_ptr<const gotemplate::Program>> parse_go_chat(std::string_view source);

Result<RenderedChat> render_go_chat(const gotemplate::Program& program, const ChatInput& input);

}  // namespace engine
