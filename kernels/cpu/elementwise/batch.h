// What the element-wise kernels share: xsimd batches with partial loads and stores, exp and tanh. A
// kernel is a template over the xsimd architecture, in a header NAME_simd.h; each ISA has a file of
// a few lines that includes it and names the kernel objects. Everything is in an anonymous
// namespace: no code is shared between files of different ISAs.
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/cpu/context.h"
#include "kernels/cpu/elementwise/exp.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

#if defined(__AVX512F__)
using Arch = xsimd::avx512bw;
#else
using Arch = xsimd::fma3<xsimd::avx2>;
#endif

template <class A>
using Batch = xsimd::batch<float, A>;
template <class A>
constexpr int64_t kLanes = static_cast<int64_t>(Batch<A>::size);

// p[0, n), the lanes from n on are `fill`. Requires: n <= lanes. Reads nothing behind n.
template <class A>
inline Batch<A> load(const float* p, int64_t n, float fill = 0) {
  if (n == kLanes<A>) return Batch<A>::load_unaligned(p);
  alignas(64) float lane[kLanes<A>];
  for (int64_t i = 0; i < kLanes<A>; i++) lane[i] = i < n ? p[i] : fill;
  return Batch<A>::load_aligned(lane);
}

template <class A>
inline void store(float* p, int64_t n, Batch<A> v) {
  if (n == kLanes<A>) return v.store_unaligned(p);
  alignas(64) float lane[kLanes<A>];
  v.store_aligned(lane);
  for (int64_t i = 0; i < n; i++) p[i] = lane[i];
}

// f(i, count) for every vector of [0, n): count = lanes, but for the last. f is marked
// always_inline, so that the partial loads and stores are gone from the loop.
template <class A, class F>
inline void each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes<A> <= n; i += kLanes<A>) f(i, kLanes<A>);
  if (i < n) f(i, n - i);
}

template <class A>
inline Batch<A> exp_of(Batch<A> x) {
  return Batch<A>(vec_exp(static_cast<typename Batch<A>::register_type>(x)));
}
template <class A>
inline Batch<A> tanh_of(Batch<A> x) {
  return Batch<A>(vec_tanh(static_cast<typename Batch<A>::register_type>(x)));
}

inline float* floats(const Tensor& t, int64_t row) {
  return reinterpret_cast<float*>(t.row(row));
}

}  // namespace
}  // namespace engine::cpu
