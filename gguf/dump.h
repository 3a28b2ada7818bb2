// A GGUF file as text: for people, and as JSON for programs.
#pragma once

#include <string>

#include "gguf/reader.h"

namespace engine::gguf {

// Header, keys and tensors, one per line. Long strings and arrays are abbreviated,
// control characters escaped.
std::string dump_text(const File& file);

// One JSON object: {"path", "version", "byte_order", "alignment", "size", "shards",
// "data_offset", "metadata": {KEY: {"type", "value"}}, "tensors": [{"name", "type",
// "shape", "offset", "bytes", "shard"}]}. Arrays add "element_type" and "count"; of
// more than kJsonArrayLimit elements only the first so many are in "value" and
// "truncated" is true. Infinities and NaN are strings; invalid UTF-8 is replaced.
inline constexpr size_t kJsonArrayLimit = size_t{1} << 20;
std::string dump_json(const File& file);

}  // namespace engine::gguf
