#include "engine/run/pace.h"

#include <algorithm>

namespace engine {
namespace {

// The newest step counts a third: times change with the depth of the context and with the machine.
void blend(double& mean, double value) {
  mean = mean == 0 ? value : mean + (value - mean) / 3;
}

}  // namespace

// Of the nearest number of sequences that is known.
double PromptPace::pure_ns(size_t generating) const {
  const size_t at = std::min(generating, kCounts);
  for (size_t d = 0; d <= kCounts; ++d) {
    if (at >= d && pure_ns_[at - d] > 0) return pure_ns_[at - d];
    if (at + d <= kCounts && pure_ns_[at + d] > 0) return pure_ns_[at + d];
  }
  return 0;
}

void PromptPace::add_step(size_t generating, size_t prompt_rows, int64_t ns) {
  const double t = static_cast<double>(ns);
  if (prompt_rows == 0) return blend(pure_ns_[std::min(generating, kCounts)], t);
  if (generating == 0)  // rows of large steps cost less
    return blend(alone_row_ns_, t / static_cast<double>(prompt_rows));
  const double pure = pure_ns(generating);
  if (pure > 0) blend(row_ns_, std::max(t - pure, t / 100) / static_cast<double>(prompt_rows));
}

size_t PromptPace::rows(size_t generating, bool begun) const {
  if (generating == 0) return kAlone;
  const double pure = pure_ns(generating);
  double rows = kBeginning;
  if (pure > 0 && row_ns_ > 0) rows = (kMost - 1) * pure / row_ns_;
  if (begun && alone_row_ns_ > 0) rows = std::max(rows, kBurstNs / alone_row_ns_);
  return static_cast<size_t>(std::clamp(rows, 1.0, static_cast<double>(kAlone)));
}

}  // namespace engine
