// bf16: the upper half of a float.
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::bf16> {
  static constexpr int kElems = 1, kBytes = 2, kSub = 1;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    *y = bf16_to_float(static_cast<uint16_t>(bits::u16(b, 0)));
  }
  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    const uint16_t h = float_to_bf16(*x);
    std::memcpy(b, &h, 2);
  }
};
ENGINE_BLOCK_SIZES(bf16)

}  // namespace engine
