// attend_batch: softmax over all rows of the segment.
// Order of floats: score = sum over d ascending; the sum of weights and the values over t ascending.

#include "kernels/cpu/attention/attend_batch.h"

namespace engine::cpu {
namespace {

int64_t grain(const AttendBatchArgs&) {
  return 1;
}

size_t scratch(const void* args) noexcept {
  return static_cast<size_t>(static_cast<const AttendBatchArgs*>(args)->k.ne[1]) * sizeof(float);
}

void run(const AttendBatchArgs& a, Range range, Ctx& ctx) {
  const int64_t d = a.q.ne[0] / a.n_head, rows = a.step->n_rows;
  float* weight = reinterpret_cast<float*>(ctx.scratch);
  for (int64_t item = range.begin; item < range.end; ++item) {
    const int64_t row = item % rows, h = item / rows, h_kv = h / (a.n_head / a.n_head_kv);
    const Segment& seg = a.step->segments[a.step->row_segment[static_cast<size_t>(row)]];
    const Range seen = seen_of_batch(a, seg.n_rows, row - seg.row0);
    const float* q = batch_row(a.q, row, h, d);
    float most = -__builtin_inff(), total = 0;
    for (int64_t t = seen.begin; t < seen.end; ++t) {
      const float* k = batch_row(a.k, seg.row0 + t, h_kv, d);
      float s = 0;
      for (int64_t i = 0; i < d; ++i) s += q[i] * k[i];
      weight[t] = s * a.scale;
      if (weight[t] > most) most = weight[t];
    }
    float* y = reinterpret_cast<float*>(a.y.row(row)) + h * d;
    for (int64_t i = 0; i < d; ++i) y[i] = 0;
    for (int64_t t = seen.begin; t < seen.end; ++t) {
      const float w = __builtin_expf(weight[t] - most);
      const float* v = batch_row(a.v, seg.row0 + t, h_kv, d);
      total += w;
      for (int64_t i = 0; i < d; ++i) y[i] += w * v[i];
    }
    for (int64_t i = 0; i < d; ++i) y[i] /= total;
  }
}

constexpr Kernel<Ctx> make() {
  Kernel<Ctx> k = kernel<Op::attend_batch, run, batch_items, grain>("attention/attend_batch/scalar",
                                                                    DType::f32, DType::f32, 0, 0);
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> attend_batch_scalar = make();

}  // namespace engine::cpu
