// rope_table: cos and sin of every row, angles in double.
// rope: rotation of the pairs of each head, in place.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

void table(const RopeTableArgs& a, Range rows, Ctx&) {
  const int64_t half = a.n_rot / 2;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const double pos = a.step->positions[static_cast<size_t>(r)];
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < half; ++i) {
      y[i] = static_cast<float>(a.mscale * __builtin_cos(pos * a.freq[i]));
      y[half + i] = static_cast<float>(a.mscale * __builtin_sin(pos * a.freq[i]));
    }
  }
}

void rope(const RopeArgs& a, Range rows, Ctx&) {
  const int64_t half = a.n_rot / 2;
  const int64_t step = a.style == RopeStyle::norm ? 2 : 1;      // from pair to pair
  const int64_t apart = a.style == RopeStyle::norm ? 1 : half;  // of the two of a pair
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* cos = reinterpret_cast<const float*>(a.table.row(r));
    const float* sin = cos + half;
    for (int64_t h = 0; h < a.n_head; ++h) {
      const float* x = reinterpret_cast<const float*>(a.x.row(r)) + h * a.head_dim;
      float* y = reinterpret_cast<float*>(a.y.row(r)) + h * a.head_dim;
      for (int64_t i = 0; i < half; ++i) {
        const float u = x[i * step], v = x[i * step + apart];
        y[i * step] = u * cos[i] - v * sin[i];
        y[i * step + apart] = u * sin[i] + v * cos[i];
      }
      for (int64_t i = a.n_rot; i < a.head_dim; ++i) y[i] = x[i];
    }
  }
}

}  // namespace

extern constinit const Kernel<Ctx> rope_table_scalar =
    kernel<Op::rope_table, table, step_row_items<RopeTableArgs>, single_item<RopeTableArgs>>(
        "elementwise/rope_table/scalar", DType::f32, DType::f32, 0, 0);
extern constinit const Kernel<Ctx> rope_scalar =
    kernel<Op::rope, rope, row_items<RopeArgs>, single_item<RopeArgs>>(
        "elementwise/rope/scalar", DType::f32, DType::f32, 0, 0);

}  // namespace engine::cpu
