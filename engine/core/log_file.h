// The lines of the log in a file too.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine {

// Appends from now on. To be called before other threads log. Errc::io: the file cannot be written.
Status log_to_file(const std::string& path);

}  // namespace engine
