// What the attend_batch kernels share: their items, and what a row sees.
// Item = head * rows + row: neighbours read the same keys.
#pragma once

#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

inline int64_t batch_items(const AttendBatchArgs& a) {
  return static_cast<int64_t>(a.step->n_rows) * a.n_head;
}

// Keys of the segment that its row `at` sees.
inline Range seen_of_batch(const AttendBatchArgs& a, int64_t n, int64_t at) {
  const int64_t half = a.window / 2;
  if (a.window == 0) return {0, n};
  return {at > half ? at - half : 0, at + half + 1 < n ? at + half + 1 : n};
}

inline const float* batch_row(const Tensor& t, int64_t row, int64_t head, int64_t d) {
  return reinterpret_cast<const float*>(t.row(row)) + head * d;
}

}  // namespace
}  // namespace engine::cpu
