// iq4_nl: 32 4-bit codes into a fixed table of values, one scale.
//   0 f16 d | 2 qs[16] as q4_0
//   y = d * kValues[q]
#pragma once

#include "kernels/types/block.h"

namespace engine {

template <>
struct Block<DType::iq4_nl> {
  static constexpr int kElems = 32, kBytes = 18, kSub = 32;
  static constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

  ENGINE_BLOCK_FN void dequant(const std::byte* b, float* y) {
    const float d = bits::half(b, 0);
    for (int i = 0; i < kElems; ++i) y[i] = d * static_cast<float>(kValues[bits::nibble(b, 2, i)]);
  }

  // The canonical code is the value of the table, shifted.
  ENGINE_BLOCK_FN void codes(const std::byte* b, uint8_t* code, float* scale, float* min) {
    for (int i = 0; i < kElems; ++i)
      code[i] = static_cast<uint8_t>(kValues[bits::nibble(b, 2, i)] + 128);
    *scale = bits::half(b, 0);
    *min = -128.0f * *scale;
  }
};
ENGINE_BLOCK_SIZES(iq4_nl)

}  // namespace engine
