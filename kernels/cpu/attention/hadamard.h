// Rotation of heads before they are rounded to q8_0: the orthonormal Walsh-Hadamard matrix spreads
// an outlier over all dimensions. It is its own inverse, so q is rotated like k, and the output of
// attention like v. Heads are taken in blocks of the largest power of two that divides d: one block
// where d is a power of two. lanes: so many heads at once, dimension i of head l at x[i * lanes + l].
#pragma once

#include <cstdint>

namespace engine::cpu {
namespace {

inline void hadamard(float* x, int64_t d, int64_t lanes = 1) {
  const int64_t block = d & -d;
  const float norm = 1.0f / __builtin_sqrtf(static_cast<float>(block));
  for (int64_t half = lanes; half < block * lanes; half *= 2) {
    for (int64_t i = 0; i < d * lanes; i += 2 * half) {
      for (int64_t j = i; j < i + half; ++j) {
        const float a = x[j], b = x[j + half];
        x[j] = a + b;
        x[j + half] = a - b;
      }
    }
  }
  for (int64_t i = 0; i < d * lanes; ++i) x[i] *= norm;
}

}  // namespace
}  // namespace engine::cpu
