// The tokenizer of a GGUF file without its weights.
#pragma once

#include <memory>
#include <string>

#include "engine/core/result.h"
#include "engine/text/tokenizer.h"

namespace engine {

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::string& path);

}  // namespace engine
