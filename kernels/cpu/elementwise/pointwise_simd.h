// add, scale, softcap and glu for every vector ISA.
#pragma once

#include "kernels/cpu/elementwise/batch.h"

namespace engine::cpu {
namespace {

template <class A>
void add(const AddArgs& a, Range rows, Ctx&) noexcept {
  for (int64_t r = rows.begin; r < rows.end; r++) {
    const float *x = floats(a.a, r), *b = floats(a.b, r);
    float* y = floats(a.y, r);
    each_vector<A>(
        a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          store<A>(y + i, n, xsimd::fma(Batch<A>(a.scale), load<A>(b + i, n), load<A>(x + i, n)));
        });
  }
}

template <class A>
void scale(const ScaleArgs& a, Range rows, Ctx&) noexcept {
  for (int64_t r = rows.begin; r < rows.end; r++) {
    const float* x = floats(a.x, r);
    float* y = floats(a.y, r);
    each_vector<A>(
        a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          Batch<A> v = load<A>(x + i, n) * Batch<A>(a.scale);
          if (a.vector != nullptr) v *= load<A>(a.vector + i, n);
          store<A>(y + i, n, v);
        });
  }
}

template <class A>
void softcap(const SoftcapArgs& a, Range rows, Ctx&) noexcept {
  for (int64_t r = rows.begin; r < rows.end; r++) {
    const float* x = floats(a.x, r);
    float* y = floats(a.y, r);
    each_vector<A>(
        a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          store<A>(y + i, n, Batch<A>(a.cap) * tanh_of<A>(load<A>(x + i, n) / Batch<A>(a.cap)));
        });
  }
}

// x / (1 + exp(-t)): silu with t = x; gelu_tanh with t = 2 u,
// since (1 + tanh u) / 2 = 1 / (1 + exp(-2 u)).
template <class A>
inline Batch<A> gated(Batch<A> x, Batch<A> t) {
  return x / (Batch<A>(1.0f) + exp_of<A>(-t));
}

template <class A, Act kAct>
inline Batch<A> activate(Batch<A> x) {
  if constexpr (kAct == Act::silu) return gated<A>(x, x);
  if constexpr (kAct == Act::gelu_tanh) {
    constexpr float kTwoRootTwoByPi = 2 * 0.79788456080286535588f;
    return gated<A>(
        x, Batch<A>(kTwoRootTwoByPi) * x * xsimd::fma(x * x, Batch<A>(0.044715f), Batch<A>(1.0f)));
  }
  if constexpr (kAct == Act::relu)
    return xsimd::select(x < Batch<A>(0.0f), Batch<A>(0.0f), x);  // NaN stays
  return x;
}

template <class A, Act kAct>
void glu_rows(const GluArgs& a, Range rows) {
  for (int64_t r = rows.begin; r < rows.end; r++) {
    const float *gate = floats(a.gate, r), *up = a.up ? floats(a.up, r) : nullptr;
    float* y = floats(a.y, r);
    if (up == nullptr) {
      each_vector<A>(
          a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
            store<A>(y + i, n, activate<A, kAct>(load<A>(gate + i, n)));
          });
      continue;
    }
    each_vector<A>(
        a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          store<A>(y + i, n, activate<A, kAct>(load<A>(gate + i, n)) * load<A>(up + i, n));
        });
  }
}

template <class A>
void glu(const GluArgs& a, Range rows, Ctx&) noexcept {
  switch (a.act) {
    case Act::none:
      return glu_rows<A, Act::none>(a, rows);
    case Act::silu:
      return glu_rows<A, Act::silu>(a, rows);
    case Act::gelu_tanh:
      return glu_rows<A, Act::gelu_tanh>(a, rows);
    case Act::relu:
      return glu_rows<A, Act::relu>(a, rows);
  }
}

}  // namespace
}  // namespace engine::cpu
