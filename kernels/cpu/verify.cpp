#include "kernels/cpu/verify.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace engine::cpu {
namespace {

// The rows of a packed weight as in the file, for scalar kernels;
// copies are kept for the step only.
Tensor unpacked(const Tensor& w, const Pack* pack, std::vector<std::byte>& storage) {
  if (w.pack == 0) return w;
  Tensor t = make_tensor(nullptr, w.dtype, w.ne[0], w.ne[1], w.ne[2], w.ne[3]);
  storage.resize(t.bytes());
  t.data = storage.data();
  for (int64_t r = 0; r < t.rows(); ++r) pack->row(w, r, t.row(r));
  return t;
}

// Largest distance of two results against the size of the reference; int8 activations are compared
// by their decoded size elsewhere.
struct Difference {
  double worst = 0, norm = 0;
  int64_t row = 0, column = 0;
};

Difference compare(const Tensor& got, const Tensor& want, int64_t rows) {
  Difference d;
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const float *a = reinterpret_cast<const float*>(got.row(r)),
                *b = reinterpret_cast<const float*>(want.row(r));
    for (int64_t i = 0; i < got.ne[0]; ++i) {
      sum += static_cast<double>(b[i]) * b[i];
      const double e = std::isnan(a[i]) != std::isnan(b[i])
                           ? INFINITY
                           : std::abs(static_cast<double>(a[i]) - b[i]);
      if (e > d.worst) d.worst = e, d.row = r, d.column = i;
    }
  }
  d.norm = std::sqrt(sum / static_cast<double>(std::max<int64_t>(1, rows * got.ne[0])));
  return d;
}

}  // namespace

Status verify_plan(Plan& plan, const Registry<Ctx>& registry) {
  Ctx ctx{plan.scratch[0]};
  std::vector<std::byte> wide, wide_up, copy;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const Node& n = plan.graph.nodes[static_cast<size_t>(step.node)];
    const int64_t items = step.kernel->items(step.args);
    if (items == 0) continue;
    step.kernel->run(step.args, {0, items}, ctx);
    const Kernel<Ctx>* twin = registry.scalar(n.op, step.kernel->w, step.kernel->x);
    // Side effects outside the arenas (pages, candidate lists)
    // are covered by the steps that read them.
    if (twin == nullptr || twin == step.kernel || n.width == 0 || n.dtype != DType::f32 ||
        n.op == Op::router_topk)
      continue;
    const Tensor y = plan.binder.value(step.node);
    copy.assign(y.data, y.data + plan.layout.values[static_cast<size_t>(step.node)].bytes);
    std::byte args[kMaxArgsBytes];
    std::memcpy(args, step.args, kMaxArgsBytes);
    if (n.op == Op::matmul || n.op == Op::expert_matmul) {
      MatmulArgs& m = *reinterpret_cast<MatmulArgs*>(args);
      m.w = unpacked(m.w, step.kernel->pack, wide);
      m.pack = nullptr;
      m.up = m.up ? unpacked(m.up, step.kernel->pack, wide_up) : m.up;
    }
    twin->run(args, {0, twin->items(args)}, ctx);
    Tensor got = y;
    got.data = copy.data();
    const int64_t rows =
        (n.rows == Rows::outputs ? plan.state.n_out : plan.state.n_rows) * n.row_factor;
    const Difference d = compare(got, y, rows);
    std::memcpy(y.data, copy.data(), copy.size());  // go on with the result of the picked kernel
    const double scale = 64.0 * std::sqrt(static_cast<double>(std::max<int64_t>(1, y.ne[0])));
    if (!(d.worst <= step.kernel->tolerance * scale * d.norm + 1e-6))
      return Error{Errc::internal, fmt::format("step {} ({}, layer {}): {} differs from {} by "
                                               "{:.3g} at row {}, element {} (rms {:.3g})",
                                               i, op_name(n.op), n.layer, step.kernel->id, twin->id,
                                               d.worst, d.row, d.column, d.norm)};
  }
  return ok;
}

}  // namespace engine::cpu
