// q3_k: 256 elements in 16 groups of 16: 3-bit codes, 6-bit signed scales, one half scale.
//   0 hmask[32]: bit p of byte k = high bit of element 32 p + k
//   32 qs[64]: low bits in two-bit planes (bits::plane2)
//   96 scales[12]: bytes 0..7: low four bits of scales j (low nibble) and j + 8 (high nibble);
//                  bytes 8..11: high two bits of scales j, j + 4, j + 8, j + 12, from bit 0 up
//   108 f16 d
//   y = (d * (scale - 32)) * (q - 4), q with its high bit
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::q3_k> {
  static constexpr int kElems = 256, kBytes = 110, kSub = 16;

  ENGINE_BLOCK_FN int scale_at(const std::byte* b, int j) {
    const int low = bits::u8(b, 96 + j % 8) >> 4 * (j / 8) & 15;
    const int high = bits::u8(b, 104 + j % 4) >> 2 * (j / 4) & 3;
    return (low | high << 4) - 32;
  }
  ENGINE_BLOCK_FN int code_at(const std::byte* b, int i) {
    return bits::plane2(b, 32, i) | (bits::u8(b, i % 32) >> (i / 32) & 1) << 2;
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 108);
    for (int j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(scale_at(b, j));
      for (int i = 16 * j; i < 16 * j + 16; ++i)
        y[i] = scale * static_cast<float>(code_at(b, i) - 4);
    }
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const float d = bits::half(b, 108);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(code_at(b, i));
    for (int j = 0; j < 16; ++j) {
      scale[j] = d * static_cast<float>(scale_at(b, j));
      min[j] = -4.0f * scale[j];
    }
  }
};
ENGINE_BLOCK_SIZES(q3_k)

}  // namespace engine
