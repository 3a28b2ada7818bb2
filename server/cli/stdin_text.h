// All of the standard input as text.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine::cli {

// At most 256 MiB. Errc::cancelled on Ctrl-C.
Result<std::string> read_stdin_text();

}  // namespace engine::cli
