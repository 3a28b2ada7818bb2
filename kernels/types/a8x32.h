// a8x32: activations of the integer kernels, made by quantize_act.
// A column (row of the step) of k elements is planar:
//   int8  q[k]          codes in [-127, 127]: x * (127 / max|x| of the 32), rounded to nearest even
//   float d[k/32]       scale of each 32: max|x| / 127 (0, with q = 0, where 127 / max|x| is
//                       infinite: zeros and what counts as zero)
//   float dsum[k/32]    d * sum of the 32 codes
//   int32 shift[k/32]   -128 * sum of the 32 codes: what sums of products with codes that are shifted
//                       by 128 start from
// so a column has k * 44 / 32 bytes, as dtype.inc says.
// Column stride = Tensor::nb[1], a multiple of 64.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine {

struct ActColumn {
  const int8_t* q;
  const float* d;
  const float* dsum;
  const int32_t* shift;
};

inline ActColumn act_column(const std::byte* column, int64_t k) {
  const float* d = reinterpret_cast<const float*>(column + k);
  return {reinterpret_cast<const int8_t*>(column), d, d + k / 32,
          reinterpret_cast<const int32_t*>(d + k / 16)};
}

}  // namespace engine
