// What a pass over a plan must read and compute, counted from its steps: the numerators of every
// "GB/s" and "GMAC/s" of the engine.
#pragma once

#include <span>

#include "kernels/backend.h"

namespace engine {

struct SequenceRows {  // of one pass: rows appended behind `past` tokens of their sequence
  int past = 0, rows = 0;
};

struct PassWork {
  // Weights once per pass of a driver over them, so more than once when a step has more rows than
  // their activations fit into its part of L2. Experts: as many as uniform choices hit on average.
  double weight_bytes = 0;
  double kv_bytes = 0;  // keys and values that some row sees, once per sequence
  double int8_macs = 0, f32_macs = 0;

  double bytes() const { return weight_bytes + kv_bytes; }
  double macs() const { return int8_macs + f32_macs; }
  PassWork& operator+=(const PassWork& o);
};

// outputs: rows of the pass that want an output.
PassWork pass_work(const PlanReport& plan, std::span<const SequenceRows> sequences, int outputs);
PassWork step_work(const StepReport& step, std::span<const SequenceRows> sequences, int outputs);

}  // namespace engine
