// The tokenizer of a GGUF file (or of all its shards) without its weights.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/tokenizer.h"

namespace engine {

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::vector<std::string>& files);

}  // namespace engine
