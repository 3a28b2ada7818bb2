// q4_1: 32 unsigned 4-bit codes, scale and minimum.
//   0 f16 d | 2 f16 m | 4 qs[16] as q4_0
//   y = q * d + m
#pragma once

#include "kernels/types/block.h"
#include "kernels/types/rounding.h"

namespace engine {

template <>
struct Block<DType::q4_1> {
  static constexpr int kElems = 32, kBytes = 20, kSub = 32;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0), m = bits::half(b, 2);
    for (int i = 0; i < kElems; ++i) y[i] = static_cast<float>(bits::nibble(b, 4, i)) * d + m;
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(bits::nibble(b, 4, i));
    *scale = bits::half(b, 0);
    *min = bits::half(b, 2);
  }

  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    const MinMax r = min_max(x, kElems);
    const float d = (r.max - r.min) / 15.0f;
    const float inverse = inverse_or_zero(d);
    bits::put_half(b, 0, d);
    bits::put_half(b, 2, r.min);
    for (int i = 0; i < 16; ++i) {
      const int lo = truncate_to((x[i] - r.min) * inverse + 0.5f, 15);
      const int hi = truncate_to((x[i + 16] - r.min) * inverse + 0.5f, 15);
      b[4 + i] = static_cast<std::byte>(lo | hi << 4);
    }
  }
};
ENGINE_BLOCK_SIZES(q4_1)

}  // namespace engine
