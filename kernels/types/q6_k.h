// q6_k: 256 elements in 16 groups of 16: 6-bit codes, int8 scales, one half scale.
//   0 ql[128]: each 128 elements use 64 bytes: low nibbles = the first 64,
//              high nibbles = the next 64 (low four bits of the code)
//   128 qh[64]: bits 4 and 5 in two-bit planes (bits::plane2) | 192 int8 scales[16] | 208 f16 d
//   y = (d * scale) * (q - 32)
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::q6_k> {
  static constexpr int kElems = 256, kBytes = 210, kSub = 16;

  ENGINE_BLOCK_FN int code_at(const std::byte* b, int i) {
    const int low = bits::u8(b, 64 * (i / 128) + i % 64) >> 4 * (i / 64 % 2) & 15;
    return low | bits::plane2(b, 128, i) << 4;
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 208);
    for (int j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(bits::i8(b, 192 + j));
      for (int i = 16 * j; i < 16 * j + 16; ++i)
        y[i] = scale * static_cast<float>(code_at(b, i) - 32);
    }
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const float d = bits::half(b, 208);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(code_at(b, i));
    for (int j = 0; j < 16; ++j) {
      scale[j] = d * static_cast<float>(bits::i8(b, 192 + j));
      min[j] = -32.0f * scale[j];
    }
  }
};
ENGINE_BLOCK_SIZES(q6_k)

}  // namespace engine
