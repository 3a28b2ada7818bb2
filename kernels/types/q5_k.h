// q5_k: q4_k with a fifth bit.
//   0 f16 d | 2 f16 dmin | 4 S[12]: scales and minima (scale_min_6.h)
//   16 qh[32]: bit j of byte k = bit 4 of element 32 j + k | 48 qs[128]: low four bits as q4_k
//   y = (d * scale) * q - dmin * min
#pragma once

#include "kernels/types/scale_min_6.h"

namespace engine {

template <>
struct Block<DType::q5_k> {
  static constexpr int kElems = 256, kBytes = 176, kSub = 32;

  ENGINE_BLOCK_FN int code_at(const std::byte* b, int i) {
    const int low = bits::u8(b, 48 + 32 * (i / 64) + i % 32) >> 4 * (i / 32 % 2) & 15;
    return low | (bits::u8(b, 16 + i % 32) >> (i / 32) & 1) << 4;
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
ENGINE_BLOCK_SIZES(q5_k)

}  // namespace engine
