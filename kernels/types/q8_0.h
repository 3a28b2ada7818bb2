// q8_0: 32 signed bytes, one scale.
//   0 f16 d | 2 int8 qs[32]
//   y = q * d
#pragma once

#include "kernels/types/block.h"
#include "kernels/types/rounding.h"

namespace engine {

template <>
struct Block<DType::q8_0> {
  static constexpr int kElems = 32, kBytes = 34, kSub = 32;

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0);
    for (int i = 0; i < kElems; ++i) y[i] = static_cast<float>(bits::i8(b, 2 + i)) * d;
  }

  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    for (int i = 0; i < kElems; ++i) code[i] = static_cast<uint8_t>(bits::i8(b, 2 + i) + 128);
    *scale = bits::half(b, 0);
    *min = -128.0f * *scale;
  }

  ENGINE_BLOCK_FN void quantize(const float* x, std::byte* b) {
    float largest = 0;
    for (int i = 0; i < kElems; ++i)
      largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
    const float d = largest / 127.0f;
    const float inverse = inverse_or_zero(d);
    bits::put_half(b, 0, d);
    for (int i = 0; i < kElems; ++i)
      b[2 + i] = static_cast<std::byte>(static_cast<int8_t>(round_to(x[i] * inverse, 127)));
  }
};
ENGINE_BLOCK_SIZES(q8_0)

}  // namespace engine
