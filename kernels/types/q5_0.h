// q5_0: 32 signed 5-bit codes, one scale.
//   0 f16 d | 2 u32 qh: bit i = bit 4 of code i | 6 qs[16]: low four bits as q4_0
//   y = (q - 16) * d
#pragma once

#include "kernels/types/block.h"
#include "kernels/types/rounding.h"

namespace engine {

template <>
struct Block<DType::q5_0> {
  static constexpr int kElems = 32, kBytes = 22, kSub = 32;

  ENGINE_BLOCK_FN int code_at(const std::byte* b, uint32_t high, int i) {
    return bits::nibble(b, 6, i) | static_cast<int>(high >> i & 1) << 4;
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0);
    const uint32_t high = bits::u32(b, 2);
    for (int i = 0; i < kElems; ++i) y[i] = static_cast<float>(code_at(b, high, i) - 16) * d;
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const uint32_t high = bits::u32(b, 2);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(code_at(b, high, i));
    *scale = bits::half(b, 0);
    *min = -16.0f * *scale;
  }

  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    const float d = signed_extreme(x, kElems) / -16.0f;
    const float inverse = inverse_or_zero(d);
    bits::put_half(b, 0, d);
    uint32_t high = 0;
    for (int i = 0; i < 16; ++i) {
      const int lo = truncate_to(x[i] * inverse + 16.5f, 31);
      const int hi = truncate_to(x[i + 16] * inverse + 16.5f, 31);
      b[6 + i] = static_cast<std::byte>((lo & 15) | (hi & 15) << 4);
      high |= static_cast<uint32_t>(lo >> 4) << i | static_cast<uint32_t>(hi >> 4) << (i + 16);
    }
    std::memcpy(b + 2, &high, 4);
  }
};
ENGINE_BLOCK_SIZES(q5_0)

}  // namespace engine
