// a8x256: activations for weight types with blocks of 256, made by quantize_act.
// A column (row of the step) of k elements is planar, k a multiple of 256:
//   int8  q[k]            codes in [-127, 127]
//   float d[k/256]        scale of each 256: max|x| / 1016 (0, with q = 0, where 1016 / max|x| is
//                         infinite: zeros and what counts as zero)
//   int32 total[k/256]    sum of q << lift of the 256
//   int32 lift[k/32]      0 to 3: x = d * (q << lift); the smallest with which the 32 fit, so that a
//                         few large values do not take the bits of all the others, and sums of
//                         products stay integers over the whole block
//   BlockSums s[k/256]    sums of q << lift, for minima
//   int32 shift[k/16]     -32 * sum of each 16 codes: what sums of products with codes that are
//                         shifted by 32 start from
//   WholeSums w[k/256]    the sums of s again, in one piece
// so a column has k * 456 / 256 bytes, as dtype.inc says.
// Column stride = Tensor::nb[1], a multiple of 64.
// Functions are inlined by force: see block.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine {

// Sums of 16 and of 32 consecutive q << lift of a block as 256 * high + low: two signed bytes, so
// that a sub-block's minimum (an unsigned byte) is multiplied with its sum as codes are with
// activations, four to a 32-bit lane.
struct BlockSums {
  int8_t high16[16], low16[16], high32[8], low32[8];

  [[gnu::always_inline]] int sum16(int i) const { return 256 * high16[i] + low16[i]; }
  [[gnu::always_inline]] int sum32(int i) const { return 256 * high32[i] + low32[i]; }
};
static_assert(sizeof(BlockSums) == 48 && ((32 * 127 << 3) + 128) / 256 <= 127);

// The same for vpmaddwd: two sums to a 32-bit lane.
struct WholeSums {
  int16_t of16[16], of32[8];
};
static_assert(sizeof(WholeSums) == 48 && 32 * 127 << 3 <= 32767);

struct BlockColumn {
  const int8_t* q;
  const float* d;
  const int32_t *total, *lift;
  const BlockSums* sums;
  const int32_t* shift;
  const WholeSums* whole;
};

[[gnu::always_inline]] inline BlockColumn block_column(const std::byte* column, int64_t k) {
  const int64_t blocks = k / 256;
  const std::byte* sums = column + k + k / 32 + k / 8;
  const std::byte* shift = sums + blocks * int64_t{sizeof(BlockSums)};
  return {reinterpret_cast<const int8_t*>(column),
          reinterpret_cast<const float*>(column + k),
          reinterpret_cast<const int32_t*>(column + k + k / 64),
          reinterpret_cast<const int32_t*>(column + k + k / 32),
          reinterpret_cast<const BlockSums*>(sums),
          reinterpret_cast<const int32_t*>(shift),
          reinterpret_cast<const WholeSums*>(shift + k / 4)};
}

}  // namespace engine
