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

// The capabilities a client may rely on, from the template and the keys of the file: completion or
// embedding, tools, thinking, insert. template_text: the Go template of the model, "" if the chat
// template of the file is in use.
std::vector<std::string> capabilities_of(const gguf::File& file, const ModelConfig& config,
                                         const std::string& template_text);

}  // namespace engine
