// router_topk: the n_used best experts of each row, best first, ties to the lowest id; their
// weights; then the rows of each expert. softmax over all experts and sums over them in ascending
// order of the expert, in float.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

// p[e] = gate of expert e.
void gate(const RouterArgs& a, const float* logits, float* p) {
  const int64_t n = a.logits.ne[0];
  if (a.sigmoid) {
    for (int64_t e = 0; e < n; ++e) p[e] = 1.0f / (1.0f + __builtin_expf(-logits[e]));
    return;
  }
  float max = -__builtin_inff(), sum = 0;
  for (int64_t e = 0; e < n; ++e) max = logits[e] > max ? logits[e] : max;
  for (int64_t e = 0; e < n; ++e) sum += p[e] = __builtin_expf(logits[e] - max);
  for (int64_t e = 0; e < n; ++e) p[e] /= sum;
}

// The choice is among p + select_bias; chosen experts are struck out of `score`.
// A score that is no number comes last.
void choose(const RouterArgs& a, const float* p, float* score, int32_t* chosen) {
  const int64_t n = a.logits.ne[0];
  for (int64_t e = 0; e < n; ++e) {
    score[e] = a.select_bias != nullptr ? p[e] + a.select_bias[e] : p[e];
    if (!(score[e] > -__FLT_MAX__)) score[e] = -__FLT_MAX__;
  }
  for (int32_t s = 0; s < a.list->n_used; ++s) {
    int64_t best = 0;
    for (int64_t e = 1; e < n; ++e) best = score[e] > score[best] ? e : best;
    chosen[s] = static_cast<int32_t>(best);
    score[best] = -__builtin_inff();
  }
}

// Smallest sum that weights are divided by: the smallest normal half.
constexpr float kLeastSum = 6.103515625e-5f;

void weigh(const RouterArgs& a, const float* p, const int32_t* chosen, float* weights) {
  float sum = 0;
  for (int32_t s = 0; s < a.list->n_used; ++s) sum += weights[s] = p[chosen[s]];
  const float divisor = sum > kLeastSum ? sum : kLeastSum;
  for (int32_t s = 0; s < a.list->n_used; ++s)
    weights[s] = (a.normalize ? weights[s] / divisor : weights[s]) * a.scale;
}

// Counting sort of (row, slot) by expert; entries ascend within an expert.
void make_lists(const ExpertList& list, int64_t n_rows, const int32_t* chosen) {
  for (int32_t e = 0; e <= list.n_expert; ++e) list.offsets[e] = 0;
  for (int64_t i = 0; i < n_rows * list.n_used; ++i) ++list.offsets[chosen[i] + 1];
  for (int32_t e = 0; e < list.n_expert; ++e) list.offsets[e + 1] += list.offsets[e];
  for (int64_t i = 0; i < n_rows * list.n_used; ++i)
    list.entries[list.offsets[chosen[i]]++] = static_cast<int32_t>(i);
  for (int32_t e = list.n_expert; e > 0; --e) list.offsets[e] = list.offsets[e - 1];
  list.offsets[0] = 0;
}

size_t scratch(const void* args) noexcept {
  const RouterArgs& a = *static_cast<const RouterArgs*>(args);
  return static_cast<size_t>(2 * a.logits.ne[0] + a.logits.ne[1] * a.list->n_used) * 4;
}

void run(const RouterArgs& a, Range range, Ctx& ctx) {
  if (range.begin >= range.end) return;
  const int64_t n = a.logits.ne[0], n_used = a.list->n_used;
  float* p = reinterpret_cast<float*>(ctx.scratch);
  float* score = p + n;
  int32_t* chosen = reinterpret_cast<int32_t*>(score + n);
  for (int64_t r = 0; r < *a.n_rows; ++r) {
    gate(a, reinterpret_cast<const float*>(a.logits.row(r)), p);
    choose(a, p, score, chosen + r * n_used);
    weigh(a, p, chosen + r * n_used, a.weights + r * n_used);
  }
  make_lists(*a.list, *a.n_rows, chosen);
}

constexpr Kernel<Ctx> make() {
  Kernel<Ctx> k = kernel<Op::router_topk, run, single_item<RouterArgs>, single_item<RouterArgs>>(
      "moe/router_topk/scalar", DType::f32, DType::f32, 0, 0);
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> router_topk_scalar = make();

}  // namespace engine::cpu
