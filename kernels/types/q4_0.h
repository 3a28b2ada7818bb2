// q4_0: 32 signed 4-bit codes, one scale.
//   0 f16 d | 2 qs[16]: byte k = code of element k (low nibble), of element k + 16 (high nibble)
//   y = (q - 8) * d
#pragma once

#include "kernels/types/block.h"
#include "kernels/types/rounding.h"

namespace engine {

template <>
struct Block<DType::q4_0> {
  static constexpr int kElems = 32, kBytes = 18, kSub = 32;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0);
    for (int i = 0; i < kElems; ++i) y[i] = static_cast<float>(bits::nibble(b, 2, i) - 8) * d;
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(bits::nibble(b, 2, i));
    *scale = bits::half(b, 0);
    *min = -8.0f * *scale;
  }

  // The element of largest magnitude becomes code 0, the only one that reaches 8 steps.
  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    const float d = signed_extreme(x, kElems) / -8.0f;
    const float inverse = inverse_or_zero(d);
    bits::put_half(b, 0, d);
    for (int i = 0; i < 16; ++i) {
      const int lo = truncate_to(x[i] * inverse + 8.5f, 15);
      const int hi = truncate_to(x[i + 16] * inverse + 8.5f, 15);
      b[2 + i] = static_cast<std::byte>(lo | hi << 4);
    }
  }
};
ENGINE_BLOCK_SIZES(q4_0)

}  // namespace engine
