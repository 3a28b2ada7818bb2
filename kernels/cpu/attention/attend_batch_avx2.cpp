// attend_batch with two products per tile of 6 rows: S = Q * K transposed (once per head and call,
// in scratch), then O = P * V where V lies.
// Order of floats: one fma per d, and per key, ascending: a row does not depend on its tile.

#include "kernels/cpu/attention/attend_batch.h"
#include "kernels/cpu/attention/gemm.h"
#include "kernels/cpu/attention/soften.h"

namespace engine::cpu {
namespace {

using V = Avx2Vec;

int64_t padded(int64_t keys) {
  return (keys + V::kLanes - 1) / V::kLanes * V::kLanes;
}

// Fewer rows would not pay for transposing the keys.
int64_t grain(const AttendBatchArgs&) {
  return 8 * kMicroRows;
}

bool accepts(const void* args) noexcept {
  const AttendBatchArgs& a = *static_cast<const AttendBatchArgs*>(args);
  return a.q.ne[0] / a.n_head % V::kLanes == 0;
}

size_t scratch(const void* args) noexcept {
  const AttendBatchArgs& a = *static_cast<const AttendBatchArgs*>(args);
  const int64_t d = a.q.ne[0] / a.n_head;
  return static_cast<size_t>((d + kMicroRows) * padded(a.k.ne[1])) * sizeof(float);
}

// [n][d] to [d][ld]; what is behind n becomes 0.
void transpose(const Tensor& k, int64_t row0, int64_t n, int64_t h, int64_t d, float* out,
               int64_t ld) {
  for (int64_t t = 0; t < n; ++t) {
    const float* row = batch_row(k, row0 + t, h, d);
    for (int64_t i = 0; i < d; ++i) out[i * ld + t] = row[i];
  }
  for (int64_t i = 0; i < d; ++i)
    for (int64_t t = n; t < ld; ++t) out[i * ld + t] = 0;
}

// Rows [first, first + rows) of one segment and head, rows <= kMicroRows.
void tile(const AttendBatchArgs& a, const Segment& seg, int64_t h, int64_t first, int rows,
          const float* keys, int64_t ld, float* s) {
  const int64_t d = a.q.ne[0] / a.n_head, h_kv = h / (a.n_head / a.n_head_kv);
  const auto stride = [](const Tensor& t) { return t.nb[1] / int64_t{sizeof(float)}; };
  gemm<V>(rows, static_cast<int>(ld / V::kLanes), batch_row(a.q, first, h, d), stride(a.q),
          Plane<float>{keys, ld}, d, s, ld, false);
  Softmax softmax[kMicroRows];
  for (int i = 0; i < rows; ++i) {
    const Range seen = seen_of_batch(a, seg.n_rows, first + i - seg.row0);
    soften<V, false>(s + i * ld, nullptr, nullptr, 0, static_cast<int>(ld),
                     static_cast<int>(seen.begin), static_cast<int>(seen.end), a.scale, 0,
                     softmax[i]);
  }
  float* y = reinterpret_cast<float*>(a.y.row(first)) + h * d;
  gemm<V>(rows, static_cast<int>(d / V::kLanes), s, ld,
          Plane<float>{batch_row(a.v, seg.row0, h_kv, d), stride(a.v)}, seg.n_rows, y, stride(a.y),
          false);
  for (int i = 0; i < rows; ++i) {
    float* row = y + i * stride(a.y);
    const V::Reg part = V::set1(1 / softmax[i].l);
    for (int64_t j = 0; j < d; j += V::kLanes) V::store(row + j, V::mul(V::load(row + j), part));
  }
}

void run(const AttendBatchArgs& a, Range range, Ctx& ctx) {
  const int64_t d = a.q.ne[0] / a.n_head, n_rows = a.step->n_rows;
  float* keys = reinterpret_cast<float*>(ctx.scratch);
  for (int64_t item = range.begin; item < range.end;) {
    const int64_t h = item / n_rows, row = item % n_rows;
    const Segment& seg = a.step->segments[a.step->row_segment[static_cast<size_t>(row)]];
    // the rest of this segment, as far as the range goes
    const int64_t left = range.end - item, of_segment = seg.row0 + seg.n_rows - row;
    const int64_t end = row + (left < of_segment ? left : of_segment);
    const int64_t ld = padded(seg.n_rows);
    transpose(a.k, seg.row0, seg.n_rows, h / (a.n_head / a.n_head_kv), d, keys, ld);
    for (int64_t at = row; at < end; at += kMicroRows)
      tile(a, seg, h, at, static_cast<int>(end - at < kMicroRows ? end - at : kMicroRows), keys, ld,
           keys + d * ld);
    item += end - row;
  }
}

constexpr Kernel<Ctx> make() {
  Kernel<Ctx> k = kernel<Op::attend_batch, run, batch_items, grain>(
      "attention/attend_batch/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
  k.accepts = accepts;
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> attend_batch_avx2 = make();

}  // namespace engine::cpu
