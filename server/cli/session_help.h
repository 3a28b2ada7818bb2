// The help texts of the session.
#pragma once

#include <string_view>

namespace engine::cli {

// topic: "set", "show", "shortcuts", with or without "/"; anything else: the list of commands.
const char* session_help(std::string_view topic);

}  // namespace engine::cli
