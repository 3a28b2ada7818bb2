// The walk of quantize_act to a8x256: rows, and blocks of a column (kernels/types/a8x256.h).
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/types/a8x256.h"

namespace engine::cpu {
namespace {

// What a block of 256 writes: q [256], d, total, lift [8], sums, shift [16], whole.
using QuantizeBlock = void (*)(const float* x, int8_t* q, float* d, int32_t* total, int32_t* lift,
                               BlockSums* sums, int32_t* shift, WholeSums* whole);

template <QuantizeBlock kBlock>
void quantize_rows(const QuantizeArgs& a, Range rows, Ctx&) {
  const int64_t k = a.x.ne[0], blocks = k / 256;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* x = reinterpret_cast<const float*>(a.x.row(r));
    int8_t* q = reinterpret_cast<int8_t*>(a.y.row(r));
    float* d = reinterpret_cast<float*>(q + k);
    int32_t *total = reinterpret_cast<int32_t*>(d + blocks), *lift = total + blocks;
    BlockSums* sums = reinterpret_cast<BlockSums*>(lift + 8 * blocks);
    int32_t* shift = reinterpret_cast<int32_t*>(sums + blocks);
    WholeSums* whole = reinterpret_cast<WholeSums*>(shift + 16 * blocks);
    for (int64_t b = 0; b < blocks; ++b)
      kBlock(x + 256 * b, q + 256 * b, d + b, total + b, lift + 8 * b, sums + b, shift + 16 * b,
             whole + b);
  }
}

}  // namespace
}  // namespace engine::cpu
