// A text edited in the user's own editor.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine::cli {

// OLLAMA_EDITOR, VISUAL, EDITOR or vi on a file in the temporary folder, which is removed again.
// Requires: the terminal is in its usual mode. Errors: no file, the editor failed.
Result<std::string> edit_externally(const std::string& text);

}  // namespace engine::cli
