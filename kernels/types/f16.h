// f16: IEEE binary16.
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::f16> {
  static constexpr int kElems = 1, kBytes = 2, kSub = 1;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) { *y = bits::half(b, 0); }
  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) { bits::put_half(b, 0, *x); }
};
ENGINE_BLOCK_SIZES(f16)

}  // namespace engine
