// Which of two templates renders the chats of a model: the Go template of the store or the Jinja
// template of the file.
#pragma once

#include <string>
#include <vector>

#include "engine/text/chat_template.h"

namespace engine {

// tools, insert, thinking: as the template of the store shows them.
std::vector<std::string> go_capabilities(const ChatTemplate& go);

// jinja: the template of the file, "" for none. OLLAMA_GO_TEMPLATE decides where it is set; else
// the Go template renders unless the other one can do more.
bool go_template_renders(const ChatTemplate& go, const std::string& jinja);

}  // namespace engine
