// q5_1: 32 unsigned 5-bit codes, scale and minimum.
//   0 f16 d | 2 f16 m | 4 u32 qh: bit i = bit 4 of code i | 8 qs[16]: low four bits as q4_0
//   y = q * d + m
#pragma once

#include "kernels/types/block.h"
#include "kernels/types/rounding.h"

namespace engine {

template <>
struct Block<DType::q5_1> {
  static constexpr int kElems = 32, kBytes = 24, kSub = 32;

  ENGINE_BLOCK_FN int code_at(const std::byte* b, uint32_t high, int i) {
    return bits::nibble(b, 8, i) | static_cast<int>(high >> i & 1) << 4;
  }

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0), m = bits::half(b, 2);
    const uint32_t high = bits::u32(b, 4);
    for (int i = 0; i < kElems; ++i) y[i] = static_cast<float>(code_at(b, high, i)) * d + m;
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    const uint32_t high = bits::u32(b, 4);
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(code_at(b, high, i));
    *scale = bits::half(b, 0);
    *min = bits::half(b, 2);
  }

  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    const MinMax r = min_max(x, kElems);
    const float d = (r.max - r.min) / 31.0f;
    const float inverse = inverse_or_zero(d);
    bits::put_half(b, 0, d);
    bits::put_half(b, 2, r.min);
    uint32_t high = 0;
    for (int i = 0; i < 16; ++i) {
      const int lo = truncate_to((x[i] - r.min) * inverse + 0.5f, 31);
      const int hi = truncate_to((x[i + 16] - r.min) * inverse + 0.5f, 31);
      b[8 + i] = static_cast<std::byte>((lo & 15) | (hi & 15) << 4);
      high |= static_cast<uint32_t>(lo >> 4) << i | static_cast<uint32_t>(hi >> 4) << (i + 16);
    }
    std::memcpy(b + 4, &high, 4);
  }
};
ENGINE_BLOCK_SIZES(q5_1)

}  // namespace engine
