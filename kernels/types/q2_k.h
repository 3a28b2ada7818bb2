// q2_k: 256 elements in 16 groups of 16: 2-bit codes, 4-bit scales and minima, two half scales.
//   0 scales[16]: byte j = scale of group j (low nibble), its minimum (high nibble)
//   16 qs[64]: two-bit planes (bits::plane2) | 80 f16 d | 82 f16 dmin
//   y = (d * scale) * q - dmin * min
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::q2_k> {
  static constexpr int kElems = 256, kBytes = 84, kSub = 16;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 80), dmin = bits::half(b, 82);
    for (int i = 0; i < kElems; ++i) {
      const float scale = d * static_cast<float>(bits::u8(b, i / 16) & 15);
      const float min = dmin * static_cast<float>(bits::u8(b, i / 16) >> 4);
      y[i] = scale * static_cast<float>(bits::plane2(b, 16, i)) - min;
    }
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const float d = bits::half(b, 80), dmin = bits::half(b, 82);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(bits::plane2(b, 16, i));
    for (int j = 0; j < 16; ++j) {
      scale[j] = d * static_cast<float>(bits::u8(b, j) & 15);
      min[j] = -(dmin * static_cast<float>(bits::u8(b, j) >> 4));
    }
  }
};
ENGINE_BLOCK_SIZES(q2_k)

}  // namespace engine
