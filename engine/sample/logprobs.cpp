#include "engine/sample/logprobs.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "engine/sample/stages.h"

namespace engine {
namespace {

// A probability of 0 is the lowest finite number: JSON has no infinity.
float logprob(double logit, double logsumexp) {
  const double p = logit - logsumexp;
  return std::isfinite(p) ? static_cast<float>(std::clamp<double>(p, -FLT_MAX, 0)) : -FLT_MAX;
}

double log_sum_exp(std::span<const float> logits) {
  float best = -FLT_MAX;
  for (const float l : logits) best = std::max(best, l);
  double sum = 0;
  for (const float l : logits)
    if (!std::isnan(l)) sum += std::exp(l - best);
  return best + std::log(sum);
}

}  // namespace

Logprobs logprobs_of(const RowOutput& output, Token chosen, int n) {
  Logprobs out;
  const auto count = static_cast<size_t>(std::max(n, 0));
  if (!output.full.empty()) {
    const double total = log_sum_exp(output.full);
    out.chosen = logprob(output.full[static_cast<size_t>(chosen)], total);
    if (count > 0) out.top = best_of(output.full, count);
    for (Candidate& c : out.top) c.logit = logprob(c.logit, total);
    return out;
  }
  for (const Candidate& c : output.top) {
    if (c.id == chosen) out.chosen = logprob(c.logit, output.logsumexp);
    if (out.top.size() < count) out.top.push_back({c.id, logprob(c.logit, output.logsumexp)});
  }
  return out;
}

}  // namespace engine
