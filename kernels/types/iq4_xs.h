// iq4_xs: 256 elements in 8 groups of 32: codes into the table of iq4_nl,
// 6-bit signed scales, one half scale.
//   0 f16 d | 2 u16 scales_h: bits 2g, 2g + 1 = high bits of scale g
//   4 scales_l[4]: nibble g = low four bits of scale g | 8 qs[128]: 16 bytes per group, as q4_0
//   y = (d * (scale - 32)) * kValues[q]
#pragma once

#include "kernels/types/iq4_nl.h"

namespace engine {

template <>
struct Block<DType::iq4_xs> {
  static constexpr int kElems = 256, kBytes = 136, kSub = 32;

  ENGINE_BLOCK_FN int scale_at(const std::byte* b, int g) {
    const int low = bits::u8(b, 4 + g / 2) >> 4 * (g % 2) & 15;
    const int high = static_cast<int>(bits::u16(b, 2) >> 2 * g & 3);
    return (low | high << 4) - 32;
  }
  ENGINE_BLOCK_FN int value_at(const std::byte* b, int i) {
    return Block<DType::iq4_nl>::kValues[bits::nibble(b, 8 + 16 * (i / 32), i % 32)];
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0);
    for (int g = 0; g < 8; ++g) {
      const float scale = d * static_cast<float>(scale_at(b, g));
      for (int i = 32 * g; i < 32 * g + 32; ++i) y[i] = scale * static_cast<float>(value_at(b, i));
    }
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const float d = bits::half(b, 0);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(value_at(b, i) + 128);
    for (int g = 0; g < 8; ++g) {
      scale[g] = d * static_cast<float>(scale_at(b, g));
      min[g] = -128.0f * scale[g];
    }
  }
};
ENGINE_BLOCK_SIZES(iq4_xs)

}  // namespace engine
