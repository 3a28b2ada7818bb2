// R panels [k][rows] of a float type times N columns of f32, over a vector struct V. Weights are
// widened in registers; no strip.
//
// Per output: segments of 32 k, each one chain of fma from 0 in ascending k; segments are added in
// ascending order. A segment depends on no other, so few columns keep several of them in flight to
// cover the latency of fma, and many columns cover it by themselves.
#pragma once

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

template <class V>
struct F32 {
  static constexpr DType kType = DType::f32;
  static typename V::F load(const std::byte* p) { return V::loadf(p); }
};
template <class V>
struct F16 {
  static constexpr DType kType = DType::f16;
  static typename V::F load(const std::byte* p) { return V::load_half(p); }
};
template <class V>
struct BF16 {
  static constexpr DType kType = DType::bf16;
  static typename V::F load(const std::byte* p) { return V::load_bf16(p); }
};

constexpr int kSegment = 32;
// Bytes, into the second-level cache; prefetching lifts one column of f16 from 10 to 32 GB/s (Zen 4,
// one thread), and the model with 2 threads by 15 % against fetching into the first.
constexpr int kAhead = 4096;

// `Segs` segments of len k each, side by side.
template <class V, class T, int R, int N, int Segs>
inline void segments(const std::byte* const* w, const float* const* x, int64_t at, int64_t len,
                     typename V::F (*total)[N]) {
  constexpr int kBytes = traits(T::kType).block_bytes * V::kRows;  // of one k
  typename V::F part[Segs][R][N];
#pragma GCC unroll 16
  for (int s = 0; s < Segs; ++s)
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) part[s][r][c] = V::zero();
  for (int64_t i = 0; i < len; ++i) {
    if (R == 1 && (Segs * kBytes >= 64 || i % 2 == 0))  // more columns: in L2 already
#pragma GCC unroll 16
      for (int b = 0; b < Segs * kBytes; b += 64)
        __builtin_prefetch(w[0] + at * kBytes + kAhead + i * Segs * kBytes + b, 0, 2);
#pragma GCC unroll 16
    for (int s = 0; s < Segs; ++s) {
      const int64_t j = at + s * kSegment + i;
      typename V::F v[R];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) v[r] = T::load(w[r] + j * kBytes);
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const typename V::F xc = V::set1(x[c][j]);
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r) part[s][r][c] = V::fma(v[r], xc, part[s][r][c]);
      }
    }
  }
#pragma GCC unroll 16
  for (int s = 0; s < Segs; ++s)
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) total[r][c] = V::add(total[r][c], part[s][r][c]);
}

template <class V, class T, int R, int N>
void float_columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
                   float* y) noexcept {
  constexpr int kSegs = N == 1 ? 4 : N <= 3 ? 2 : 1;
  typename V::F total[R][N];
  const float* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) {
    x[c] = reinterpret_cast<const float*>(from[c]);
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) total[r][c] = V::zero();
  }
  int64_t at = 0;
  for (; k - at >= kSegs * kSegment; at += kSegs * kSegment)
    segments<V, T, R, N, kSegs>(w, x, at, kSegment, total);
  for (; at < k; at += kSegment)
    segments<V, T, R, N, 1>(w, x, at, k - at < kSegment ? k - at : kSegment, total);
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) V::storef(y + V::kRows * (r * N + c), total[r][c]);
}

}  // namespace
}  // namespace engine::cpu
