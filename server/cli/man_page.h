// engine(1), the manual page, made of the verbs, their flags and the environment variables.
#pragma once

#include <string>

namespace engine::cli {

std::string man_page();  // source text for man(1), in the man macros

}  // namespace engine::cli
