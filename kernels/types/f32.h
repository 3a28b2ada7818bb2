// f32: plain floats.
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::f32> {
  static constexpr int kElems = 1, kBytes = 4, kSub = 1;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) { std::memcpy(y, b, 4); }
  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) { std::memcpy(b, x, 4); }
};
ENGINE_BLOCK_SIZES(f32)

}  // namespace engine
