// What a model file says about itself, in the words of tools
// and the API: quantization name, parameter count.
#pragma once

#include <cstdint>
#include <string>

#include "gguf/reader.h"

namespace engine {

std::string file_type_name(uint32_t id);           // "Q4_K_M", "unknown"
std::string parameter_size(int64_t n);             // "134.52M", "8B", "1.2B"
std::string file_type_of(const gguf::File& file);  // by general.file_type
int64_t parameter_count(const gguf::File& file);   // elements of all tensors

}  // namespace engine
