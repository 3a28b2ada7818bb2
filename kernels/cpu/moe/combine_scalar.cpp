// combine: y = residual + sum of the weighted rows of the experts, in the order of the router.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

void run(const CombineArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* w = a.weights + r * a.n_used;
    const float* residual =
        a.residual ? reinterpret_cast<const float*>(a.residual.row(r)) : nullptr;
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; ++i) {
      float v = residual != nullptr ? residual[i] : 0.0f;
      for (int32_t s = 0; s < a.n_used; ++s)
        v += w[s] * reinterpret_cast<const float*>(a.x.row(r * a.n_used + s))[i];
      y[i] = v;
    }
  }
}

}  // namespace

extern constinit const Kernel<Ctx> combine_scalar =
    kernel<Op::combine, run, row_items<CombineArgs>, single_item<CombineArgs>>(
        "moe/combine/scalar", DType::f32, DType::f32, 0, 0);

}  // namespace engine::cpu
