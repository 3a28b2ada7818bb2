// The content of a model file as text or JSON, for `engine gguf-dump`.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine {

Result<std::string> dump_model_file(const std::string& path, bool json);

}  // namespace engine
