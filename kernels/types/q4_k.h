// q4_k: 256 elements in 8 groups of 32: 4-bit codes, 6-bit scales and minima, two half scales.
//   0 f16 d | 2 f16 dmin | 4 S[12]: scales and minima (scale_min_6.h)
//   16 qs[128]: each 64 elements use 32 bytes: low nibbles = the first 32,
//               high nibbles = the next 32
//   y = (d * scale) * q - dmin * min
#pragma once

#include "kernels/types/scale_min_6.h"

namespace engine {

template <>
struct Block<DType::q4_k> {
  static constexpr int kElems = 256, kBytes = 144, kSub = 32;

  ENGINE_BLOCK_FN int code_at(const std::byte* b, int i) {
    return bits::u8(b, 16 + 32 * (i / 64) + i % 32) >> 4 * (i / 32 % 2) & 15;
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0), dmin = bits::half(b, 2);
    for (int j = 0; j < 8; ++j) {
      const bits::ScaleMin s = bits::scale_min_6(b, 4, j);
      const float scale = d * static_cast<float>(s.scale), min = dmin * static_cast<float>(s.min);
      for (int i = 32 * j; i < 32 * j + 32; ++i)
        y[i] = scale * static_cast<float>(code_at(b, i)) - min;
    }
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const float d = bits::half(b, 0), dmin = bits::half(b, 2);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(code_at(b, i));
    for (int j = 0; j < 8; ++j) {
      const bits::ScaleMin s = bits::scale_min_6(b, 4, j);
      scale[j] = d * static_cast<float>(s.scale);
      min[j] = -(dmin * static_cast<float>(s.min));
    }
  }
};
ENGINE_BLOCK_SIZES(q4_k)

}  // namespace engine
