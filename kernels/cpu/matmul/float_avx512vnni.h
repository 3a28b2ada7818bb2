// One panel of 16 rows [k][16] of a float type times N columns of f32. Weights are widened in registers; there is no strip.
//
// Per output: segments of 32 k, each one chain of fma from 0 in ascending k; segments are added in ascending order. A segment depends
// on no other, so one column keeps four of them in flight to cover the latency of fma, and many columns cover it by themselves.
#pragma once

#include <immintrin.h>

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

constexpr int kSegment = 32;
constexpr int kAhead = 4096;  // bytes; prefetching lifts one column of f16 from 10 to 32 GB/s (Zen 4, one thread)

// Segments of len k each, `Segs` of them side by side.
template <class F, int N, int Segs>
inline void segments(const std::byte* w, const float* const* x, int64_t at, int64_t len, __m512* total) {
  __m512 part[Segs][N];
#pragma GCC unroll 16
  for (int s = 0; s < Segs; ++s)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) part[s][c] = _mm512_setzero_ps();
  const std::byte* ahead = w + at * F::kBytes + kAhead;
  for (int64_t i = 0; i < len; ++i) {
    if (N <= 8)
#pragma GCC unroll 16
      for (int b = 0; b < Segs * F::kBytes; b += 64) _mm_prefetch(ahead + i * Segs * F::kBytes + b, _MM_HINT_T0);
#pragma GCC unroll 16
    for (int s = 0; s < Segs; ++s) {
      const int64_t j = at + s * kSegment + i;
      const __m512 v = F::load(w + j * F::kBytes);
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) part[s][c] = _mm512_fmadd_ps(v, _mm512_set1_ps(x[c][j]), part[s][c]);
    }
  }
#pragma GCC unroll 16
  for (int s = 0; s < Segs; ++s)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) total[c] = _mm512_add_ps(total[c], part[s][c]);
}

template <class F, int N>
void float_columns(const std::byte* w, int64_t k, const Cols& cols, float* y) noexcept {
  constexpr int kSegs = N == 1 ? 4 : N <= 3 ? 2 : 1;
  __m512 total[N];
  const float* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) total[c] = _mm512_setzero_ps(), x[c] = reinterpret_cast<const float*>(cols.x[c]);
  int64_t at = 0;
  for (; k - at >= kSegs * kSegment; at += kSegs * kSegment) segments<F, N, kSegs>(w, x, at, kSegment, total);
  for (; at < k; at += kSegment) segments<F, N, 1>(w, x, at, k - at < kSegment ? k - at : kSegment, total);
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) _mm512_store_ps(y + 16 * c, total[c]);
}

template <class F>
constexpr Micro kFloatMicro{16, 12, 0, 0, nullptr, nullptr,
                            {float_columns<F, 1>, float_columns<F, 2>, float_columns<F, 3>, float_columns<F, 4>, float_columns<F, 5>,
                             float_columns<F, 6>, float_columns<F, 7>, float_columns<F, 8>, float_columns<F, 9>, float_columns<F, 10>,
                             float_columns<F, 11>, float_columns<F, 12>},
                            {}};

template <class F>
consteval Kernel<Ctx> float_kernel(const char* id, Op op) {
  constexpr uint64_t kNeeds = isa::avx2 | isa::fma | isa::f16c | isa::avx512 | isa::avx512vnni;
  return matmul_kernel(id, op, F::kType, DType::f32, kNeeds, 40, driver_avx512vnni, Panels<F::kType, 16>::kPack, kFloatMicro<F>);
}

}  // namespace
}  // namespace engine::cpu
