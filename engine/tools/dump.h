// The content of a model file (or of all its shards) as text or JSON, for `engine gguf-dump`.
#pragma once

#include <string>
#include <vector>

#include "engine/core/result.h"

namespace engine {

Result<std::string> dump_model_file(const std::vector<std::string>& files, bool json);

}  // namespace engine
