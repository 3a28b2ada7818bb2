// Codec: Block<T> behind function pointers, for code that learns the type at run time (embedding
// look-up, export, tests, tools).
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/dtype.h"

namespace engine {

struct Codec {
  int sub;  // elements that share one scale (1: float formats)
  // Requires: n is a multiple of the block.
  void (*dequant_row)(const std::byte* row, float* y, int64_t n);
  // One block in the canonical form of kernels/types/block.h; nullptr for float formats.
  void (*codes_block)(const std::byte* block, uint8_t* code, float* scale, float* min);
  // nullptr where the engine does not write the format.
  void (*quantize_row)(const float* x, std::byte* row, int64_t n);
};

// nullptr when the engine does not compute with the type.
const Codec* codec(DType type);

}  // namespace engine
