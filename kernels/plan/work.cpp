#include "kernels/plan/work.h"

#include <algorithm>
#include <cmath>

namespace engine {

PassWork& PassWork::operator+=(const PassWork& o) {
  weight_bytes += o.weight_bytes, kv_bytes += o.kv_bytes;
  int8_macs += o.int8_macs, f32_macs += o.f32_macs;
  return *this;
}

namespace {

// Sum over a sequence's rows of the keys that a row sees, itself included.
double keys_seen(const SequenceRows& s, int window) {
  double sum = 0;
  for (int r = 0; r < s.rows; ++r) {
    const int keys = s.past + r + 1;
    sum += window > 0 ? std::min(window, keys) : keys;
  }
  return sum;
}

// Keys that at least one row of the sequence sees.
double keys_read(const SequenceRows& s, int window) {
  const int all = s.past + s.rows;
  return window > 0 ? std::min(all, window + s.rows - 1) : all;
}

}  // namespace

PassWork step_work(const StepReport& step, std::span<const SequenceRows> sequences, int outputs) {
  PassWork w;
  if (step.key_bytes > 0) {
    for (const SequenceRows& s : sequences) {
      w.kv_bytes += keys_read(s, step.window) * static_cast<double>(step.key_bytes);
      w.f32_macs += keys_seen(s, step.window) * static_cast<double>(step.key_macs);
    }
  }
  double rows = 0;
  for (const SequenceRows& s : sequences) rows += s.rows;
  if (step.outputs) rows = outputs;
  if (rows == 0) return w;
  double share = 1, columns = rows;  // share of the matrices in use, columns of each
  if (step.n_expert > 0) {
    share = 1 - std::pow(1 - static_cast<double>(step.n_used) / step.n_expert, rows);
    columns = rows * step.n_used / (step.n_expert * share);
  }
  const double passes =
      step.pass_rows > 0 ? std::ceil(columns / static_cast<double>(step.pass_rows)) : 1;
  w.weight_bytes = static_cast<double>(step.bytes) * share * passes;
  (step.int8 ? w.int8_macs : w.f32_macs) +=
      static_cast<double>(step.row_macs) * rows * (step.n_expert > 0 ? step.n_used : 1);
  return w;
}

PassWork pass_work(const PlanReport& plan, std::span<const SequenceRows> sequences, int outputs) {
  PassWork sum;
  for (const StepReport& step : plan.steps) sum += step_work(step, sequences, outputs);
  return sum;
}

}  // namespace engine
