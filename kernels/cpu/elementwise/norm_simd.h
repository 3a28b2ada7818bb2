// rms_norm and layer_norm for every vector ISA.
// Order of floats: vector i of a row is added to sum i % 4;
// the four sums as (0 + 1) + (2 + 3), then the lanes.
#pragma once

#include "kernels/cpu/elementwise/batch.h"

namespace engine::cpu {
namespace {

// Sum over i of (x[i] - shift), or of its square.
template <class A, bool kSquare>
float sum_of(const float* x, int64_t len, float shift) {
  Batch<A> sum[4] = {Batch<A>(0.0f), Batch<A>(0.0f), Batch<A>(0.0f), Batch<A>(0.0f)};
  const auto term = [&](Batch<A> acc, Batch<A> v) __attribute__((always_inline)) {
    v -= Batch<A>(shift);
    return kSquare ? xsimd::fma(v, v, acc) : acc + v;
  };
  int64_t i = 0;
  for (; i + 4 * kLanes<A> <= len; i += 4 * kLanes<A>)
    for (int j = 0; j < 4; j++)
      sum[j] = term(sum[j], Batch<A>::load_unaligned(x + i + j * kLanes<A>));
  for (int j = 0; i < len; i += kLanes<A>, j++) {
    const int64_t left = len - i < kLanes<A> ? len - i : kLanes<A>;
    sum[j] = term(sum[j], load<A>(x + i, left, shift));
  }
  return xsimd::hadd((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

inline int64_t norm_items(const NormArgs& a) {
  return static_cast<int64_t>(*a.n_rows) * a.groups;
}
inline int64_t norm_grain(const NormArgs& a) {
  return a.groups;
}

template <class A, bool kCentred>
void norm(const NormArgs& a, Range items, Ctx&) noexcept {
  const int64_t len = a.x.ne[0] / a.groups;
  const float one_of = 1.0f / static_cast<float>(len);
  for (int64_t item = items.begin; item < items.end; item++) {
    const int64_t row = item / a.groups, at = item % a.groups * len;
    const float* x = floats(a.x, row) + at;
    const float* residual = a.residual ? floats(a.residual, row) + at : nullptr;
    float* y = floats(a.y, row) + at;
    const float mean = kCentred ? sum_of<A, false>(x, len, 0) * one_of : 0.0f;
    const float inverse = 1.0f / __builtin_sqrtf(sum_of<A, true>(x, len, mean) * one_of + a.eps);
    each_vector<A>(
        len, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          Batch<A> v = load<A>(x + i, n);
          if (kCentred) v -= Batch<A>(mean);
          v *= Batch<A>(inverse);
          if (a.weight != nullptr) v *= load<A>(a.weight + i, n);
          if (a.bias != nullptr) v += load<A>(a.bias + i, n);
          if (residual != nullptr) v += load<A>(residual + i, n);
          store<A>(y + i, n, v);
        });
  }
}

}  // namespace
}  // namespace engine::cpu
