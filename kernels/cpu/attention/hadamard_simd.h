// hadamard.h in vector registers: the same sums in the same order, so the same bits.
#pragma once

#include "kernels/cpu/attention/vec.h"

namespace engine::cpu {
namespace {

// Requires: the largest power of two that divides d is at least 16.
template <class V>
void hadamard(float* x, int64_t d) {
  const int64_t block = d & -d;
  const typename V::Reg norm = V::set1(1.0f / __builtin_sqrtf(static_cast<float>(block)));
  for (int64_t i = 0; i < d; i += V::kLanes) {  // distances inside a register
    typename V::Reg v = V::template butterfly<1>(V::load(x + i));
    v = V::template butterfly<4>(V::template butterfly<2>(v));
    if constexpr (V::kLanes == 16) v = V::template butterfly<8>(v);
    V::store(x + i, v);
  }
  for (int64_t half = V::kLanes; half < block; half *= 2) {
    for (int64_t i = 0; i < d; i += 2 * half) {
      for (int64_t j = i; j < i + half; j += V::kLanes) {
        const typename V::Reg a = V::load(x + j), b = V::load(x + j + half);
        V::store(x + j, V::add(a, b));
        V::store(x + j + half, V::sub(a, b));
      }
    }
  }
  for (int64_t i = 0; i < d; i += V::kLanes) V::store(x + i, V::mul(V::load(x + i), norm));
}

}  // namespace
}  // namespace engine::cpu
