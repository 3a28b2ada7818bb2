// Chat templates by name, for command lines; the list is chat_templates.inc.
#pragma once

#include <string>
#include <string_view>

namespace engine {

// The text of the template in Jinja; "": there is none of this name.
std::string_view named_chat_template(std::string_view name);
std::string chat_template_names();  // "chatml, command-r, ..."

}  // namespace engine
