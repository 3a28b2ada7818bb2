// Adapters for the models of tests: random pairs of float matrices. The same options give the same
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "gguf/reader.h"

namespace engine::testing {

struct TinyLora {
  std::vector<std::string> weights;  // of the base; none: every matrix that a product reads
  int64_t rank = 4;
  float alpha = 8;  // 0: no such key
  uint32_t seed = 5;
  bool half = false;      // f16 instead of f32
  float spread = 0.2f;    // elements are uniform in [-spread, spread]
  std::string arch = {};  // "": that of the base
};

// The matrices of a base that an adapter may change: of the layers, the output, the token table.
std::vector<std::string> adaptable_weights(const gguf::File& base);
Result<std::vector<std::byte>> make_tiny_lora(const gguf::File& base, const TinyLora& options = {});
// Both files by path.
Status write_tiny_lora(const std::string& path, const std::string& base_path,
                       const TinyLora& options = {});

}  // namespace engine::testing
