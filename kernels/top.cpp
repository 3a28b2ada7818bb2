#include "kernels/top.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// Groups hold ascending ids, and their lists are ordered: what does not beat the last of a full
// answer ends its group.
int merge_groups(const Candidate* best, const int32_t* counts, int64_t n_groups, int64_t k_max,
                 int k, Candidate* out) {
  int n = 0;
  for (int64_t g = 0; g < n_groups; ++g) {
    const Candidate* c = best + g * k_max;
    for (int32_t i = 0; i < counts[g]; ++i) {
      if (n == k && !before(c[i], out[n - 1])) break;
      if (n < k) ++n;
      Candidate* at = std::upper_bound(out, out + n - 1, c[i], before);
      std::move_backward(at, out + n - 1, out + n);
      *at = c[i];
    }
  }
  return n;
}

// log(sum exp(logit)) from the largest logit and the scaled sum of each group, in order.
float merge_sums(const float* max, const float* sum, int64_t n_groups) {
  const float top = *std::max_element(max, max + n_groups);
  if (top == -std::numeric_limits<float>::infinity()) return top;
  double total = 0;
  for (int64_t g = 0; g < n_groups; ++g)
    total += sum[g] * std::exp(static_cast<double>(max[g]) - top);
  return static_cast<float>(top + std::log(total));
}

}  // namespace

TopResult merge_top(const TopArgs& args, int64_t output, Candidate* out) {
  const OutputNeed& need = args.step->needs[static_cast<size_t>(output)];
  const int64_t n_vocab = args.logits.ne[0], n_groups = (n_vocab + kTopGroup - 1) / kTopGroup;
  const int64_t first = output * n_groups;
  TopResult r;
  r.count = merge_groups(args.best + first * args.k_max, args.counts + first, n_groups, args.k_max,
                         std::min(need.k, args.k_max), out);

  const float* logits = reinterpret_cast<const float*>(args.logits.row(output));
  for (const Token id : need.also) {
    if (id < 0 || id >= n_vocab) continue;
    const float v = std::isnan(logits[id]) ? -std::numeric_limits<float>::infinity() : logits[id];
    const Candidate c{id, v};
    Candidate* at = std::lower_bound(out, out + r.count, c, before);
    if (at != out + r.count && at->id == id) continue;
    std::move_backward(at, out + r.count, out + r.count + 1);
    *at = c;
    ++r.count;
  }
  if (need.logsumexp) r.logsumexp = merge_sums(args.max + first, args.sum + first, n_groups);
  return r;
}

}  // namespace engine
