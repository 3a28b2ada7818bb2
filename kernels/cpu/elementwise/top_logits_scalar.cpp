// top_logits: the best candidates of one group of one row of logits, and what its log-sum-exp
// needs. An insertion into a sorted list per word that beats the last: few words do once the list
// is full. A logit that is no number counts as -infinity.

#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

int64_t groups(const TopArgs& a) {
  return (a.logits.ne[0] + kTopGroup - 1) / kTopGroup;
}
int64_t items(const TopArgs& a) {
  return a.step->n_out * groups(a);
}
int64_t grain(const TopArgs&) {
  return 1;
}

// Candidates of words [begin, end) into best; how many.
// Ids ascend, so an equal logit never passes one that is there.
int32_t select(const float* logits, int64_t begin, int64_t end, int32_t k, Candidate* best) {
  int32_t n = 0;
  for (int64_t i = begin; i < end; ++i) {
    const float v = logits[i] == logits[i] ? logits[i] : -__builtin_inff();
    if (n == k && !(v > best[n - 1].logit)) continue;
    int32_t at = n < k ? n++ : n - 1;
    for (; at > 0 && v > best[at - 1].logit; --at) best[at] = best[at - 1];
    best[at] = {static_cast<Token>(i), v};
  }
  return n;
}

void run(const TopArgs& a, Range range, Ctx&) {
  const int64_t n_groups = groups(a);
  for (int64_t item = range.begin; item < range.end; ++item) {
    const int64_t output = item / n_groups, begin = item % n_groups * kTopGroup;
    const OutputNeed& need = a.step->needs[static_cast<size_t>(output)];
    const float* logits = reinterpret_cast<const float*>(a.logits.row(output));
    const int64_t end = begin + kTopGroup < a.logits.ne[0] ? begin + kTopGroup : a.logits.ne[0];
    const bool wanted = need.kind == OutputNeed::top;
    const int32_t k = need.k < a.k_max ? need.k : a.k_max;
    a.counts[item] = wanted && k > 0 ? select(logits, begin, end, k, a.best + item * a.k_max) : 0;
    if (!wanted || !need.logsumexp) continue;
    float max = -__builtin_inff();
    for (int64_t i = begin; i < end; ++i) max = logits[i] > max ? logits[i] : max;
    double sum = 0;
    for (int64_t i = begin; i < end && max > -__builtin_inff(); ++i)
      sum += __builtin_expf(logits[i] - max);
    a.max[item] = max;
    a.sum[item] = static_cast<float>(sum);
  }
}

}  // namespace

extern constinit const Kernel<Ctx> top_logits_scalar = kernel<Op::top_logits, run, items, grain>(
    "elementwise/top_logits/scalar", DType::f32, DType::f32, 0, 0);

}  // namespace engine::cpu
