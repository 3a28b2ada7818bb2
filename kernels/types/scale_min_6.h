// The twelve bytes in which q4_k and q5_k store eight 6-bit scales and eight 6-bit minima.
//   S[k], k = 0..3    bits 0-5 scale k          bits 6-7 high bits of scale k + 4
//   S[4 + k]          bits 0-5 minimum k        bits 6-7 high bits of minimum k + 4
//   S[8 + k]          low nibble: low bits of scale k + 4, high nibble: low bits of minimum k + 4
#pragma once

#include "kernels/types/block.h"

namespace engine::bits {

struct ScaleMin {
  int scale, min;
};

[[gnu::always_inline]] inline ScaleMin scale_min_6(const std::byte* b, int at, int j) {
  if (j < 4) return {u8(b, at + j) & 63, u8(b, at + j + 4) & 63};
  return {(u8(b, at + j + 4) & 15) | u8(b, at + j - 4) >> 6 << 4,
          u8(b, at + j + 4) >> 4 | u8(b, at + j) >> 6 << 4};
}

}  // namespace engine::bits
