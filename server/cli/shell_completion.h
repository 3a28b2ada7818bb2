// Completion scripts for shells, made from the verbs and their flags.
#pragma once

#include <string>
#include <string_view>

namespace engine::cli {

// shell: bash, zsh or fish; "" for another.
std::string shell_completion(std::string_view shell);

}  // namespace engine::cli
