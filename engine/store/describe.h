// What a GGUF file says of itself, in the words of listings and tables.
#pragma once

#include <cstdint>
#include <string>

#include "engine/core/result.h"
#include "engine/store/manifest.h"
#include "gguf/reader.h"

namespace engine {

struct GgufFacts {
  std::string architecture;  // general.architecture, "unknown" without it
  int64_t n_params = 0;      // elements of all tensors
  int64_t tensor_bytes = 0;
  // "Q4_K_M": general.file_type, else the most frequent type of the matrices
  std::string file_type;
  std::string file_type_long;  // "Q4_K - Medium"; "(guessed) " in front without general.file_type
};

GgufFacts describe(const gguf::File& file);

// "1.8B", "134.52M", "12K", "999".
std::string parameter_text(int64_t n);

// What a chat template in Jinja tells: tools, thinking.
std::vector<std::string> jinja_capabilities(const std::string& jinja);

// The capabilities a client may rely on: those of the configuration, those of the template that is
// in use, and what the keys of the file tell.
std::vector<std::string> capabilities_of(const gguf::File& file, const ModelConfig& config,
                                         const std::vector<std::string>& of_template);

}  // namespace engine
