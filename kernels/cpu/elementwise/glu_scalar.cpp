// glu: y = act(gate) * up, or act(gate).

#include "kernels/cpu/context.h"
#include "kernels/cpu/elementwise/act_scalar.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

int64_t items(const GluArgs& a) {
  return static_cast<int64_t>(*a.n_rows) * a.row_factor;
}

void run(const GluArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* gate = reinterpret_cast<const float*>(a.gate.row(r));
    const float* up = a.up ? reinterpret_cast<const float*>(a.up.row(r)) : nullptr;
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; ++i) y[i] = activate(a.act, gate[i]) * (up ? up[i] : 1);
  }
}

}  // namespace

extern constinit const Kernel<Ctx> glu_scalar = kernel<Op::glu, run, items, single_item<GluArgs>>(
    "elementwise/glu/scalar", DType::f32, DType::f32, 0, 0);

}  // namespace engine::cpu
