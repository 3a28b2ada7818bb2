// combine for every vector ISA: y = residual + sum of the weighted rows of the experts, by fma, in
// the order of the router.
#pragma once

#include "kernels/cpu/elementwise/batch.h"

namespace engine::cpu {
namespace {

template <class A>
void combine(const CombineArgs& a, Range rows, Ctx&) noexcept {
  const int64_t row_floats = a.x.nb[1] / static_cast<int64_t>(sizeof(float));
  for (int64_t r = rows.begin; r < rows.end; r++) {
    const float* w = a.weights + r * a.n_used;
    const float* x = floats(a.x, r * a.n_used);
    const float* residual = a.residual ? floats(a.residual, r) : nullptr;
    float* y = floats(a.y, r);
    each_vector<A>(
        a.y.ne[0], [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          Batch<A> v = residual != nullptr ? load<A>(residual + i, n) : Batch<A>(0.0f);
          for (int32_t s = 0; s < a.n_used; s++)
            v = xsimd::fma(Batch<A>(w[s]), load<A>(x + s * row_floats + i, n), v);
          store<A>(y + i, n, v);
        });
  }
}

}  // namespace
}  // namespace engine::cpu
