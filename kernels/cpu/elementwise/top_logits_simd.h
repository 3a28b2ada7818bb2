// top_logits for every vector ISA. One pass over a group finds the peaks of 128 sets of words and
// from them a floor that at least k words reach; a second pass puts words on the floor or above
// into the list: few more than k, where a list without a floor takes hundreds. The candidates are
// those of top_logits_scalar.cpp; the sum of exp is kept in four vectors.
#pragma once

#include "kernels/cpu/elementwise/batch.h"

namespace engine::cpu {
namespace {

inline int64_t top_groups(const TopArgs& a) {
  return (a.logits.ne[0] + kTopGroup - 1) / kTopGroup;
}
inline int64_t top_items(const TopArgs& a) {
  return a.step->n_out * top_groups(a);
}

struct Best {
  Candidate* list;  // [k], ordered by (logit down, id up)
  int32_t k, n = 0;

  bool beats(float v) const { return n < k || v > list[n - 1].logit; }

  // Requires: ids come in ascending order, so an equal logit never passes one that is there.
  void add(int64_t id, float v) {
    if (!(v == v)) v = -__builtin_inff();
    if (!beats(v)) return;
    int32_t at = n < k ? n++ : n - 1;
    for (; at > 0 && v > list[at - 1].logit; at--) list[at] = list[at - 1];
    list[at] = {static_cast<Token>(id), v};
  }
};

// The words of a group in kPeaks sets: lane l of the vectors of a stretch. A group ends early: sets
// without words have -infinity.
constexpr int kPeaks = 128;

// The largest of each set, skipping what is no number; returns the largest of all.
template <class A>
float find_peaks(const float* x, int64_t len, float* peak) {
  constexpr int64_t kStretch = kTopGroup / (kPeaks / kLanes<A>);
  Batch<A> all(-__builtin_inff());
  for (int64_t begin = 0; begin < kTopGroup; begin += kStretch, peak += kLanes<A>) {
    Batch<A> most(-__builtin_inff());
    const int64_t n_words = len - begin < kStretch ? len - begin : kStretch;
    each_vector<A>(
        n_words, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          const Batch<A> v = load<A>(x + begin + i, n, -__builtin_inff());
          most = xsimd::select(v > most, v, most);
        });
    most.store_unaligned(peak);
    all = xsimd::select(most > all, most, all);
  }
  alignas(64) float lane[kLanes<A>];
  all.store_aligned(lane);
  float m = lane[0];
  for (int64_t i = 1; i < kLanes<A>; i++) m = lane[i] > m ? lane[i] : m;
  return m;
}

// A number that at least k of the peaks reach, so that no smaller word is among the k best. Halving
// finds one close to the k-th peak.
template <class A>
float find_floor(const float* peak, int32_t k) {
  const auto reach = [&](float v) {
    Batch<A> n(0.0f);
    for (int64_t i = 0; i < kPeaks; i += kLanes<A>)
      n += xsimd::select(Batch<A>::load_unaligned(peak + i) >= Batch<A>(v), Batch<A>(1.0f),
                         Batch<A>(0.0f));
    return xsimd::hadd(n);
  };
  constexpr float kNone = -__builtin_inff();
  float low = __builtin_inff(), high = kNone;
  for (int i = 0; i < kPeaks; i++) {
    low = peak[i] > kNone && peak[i] < low ? peak[i] : low;
    high = peak[i] > high ? peak[i] : high;
  }
  if (!(reach(low) >= static_cast<float>(k))) return kNone;
  for (int i = 0; i < 12; i++) {
    const float middle = low + (high - low) * 0.5f;
    if (reach(middle) >= static_cast<float>(k))
      low = middle;
    else
      high = middle;
  }
  return low;
}

template <class A>
void select_best(const float* logits, int64_t begin, int64_t end, float floor, Best& best) {
  int64_t i = begin;
  if (!(floor > -__builtin_inff()))
    for (; i < end && best.n < best.k; i++) best.add(i, logits[i]);
  for (; i + kLanes<A> <= end; i += kLanes<A>) {
    const float least = best.n < best.k ? floor : best.list[best.k - 1].logit;
    if (!xsimd::any(Batch<A>::load_unaligned(logits + i) >= Batch<A>(least))) continue;
    for (int64_t j = i; j < i + kLanes<A>; j++)
      if (logits[j] >= floor) best.add(j, logits[j]);
  }
  for (; i < end; i++)
    if (logits[i] >= floor) best.add(i, logits[i]);
}

template <class A>
float sum_of_exp(const float* x, int64_t len, float max) {
  Batch<A> sum[4] = {Batch<A>(0.0f), Batch<A>(0.0f), Batch<A>(0.0f), Batch<A>(0.0f)};
  int64_t i = 0;
  for (; i + 4 * kLanes<A> <= len; i += 4 * kLanes<A>)
    for (int j = 0; j < 4; j++)
      sum[j] += exp_of<A>(Batch<A>::load_unaligned(x + i + j * kLanes<A>) - Batch<A>(max));
  for (int j = 0; i < len; i += kLanes<A>, j++) {
    const int64_t left = len - i < kLanes<A> ? len - i : kLanes<A>;
    sum[j] += exp_of<A>(load<A>(x + i, left, -__builtin_inff()) - Batch<A>(max));
  }
  return xsimd::hadd((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

template <class A>
void top_logits(const TopArgs& a, Range items, Ctx&) noexcept {
  const int64_t n_groups = top_groups(a);
  for (int64_t item = items.begin; item < items.end; item++) {
    const int64_t output = item / n_groups, begin = item % n_groups * kTopGroup;
    const int64_t end = begin + kTopGroup < a.logits.ne[0] ? begin + kTopGroup : a.logits.ne[0];
    const OutputNeed& need = a.step->needs[static_cast<size_t>(output)];
    const float* logits = floats(a.logits, output);
    const int32_t k = need.k < a.k_max ? need.k : a.k_max;
    a.counts[item] = 0;
    if (need.kind != OutputNeed::top) continue;
    float peak[kPeaks];
    const float max = find_peaks<A>(logits + begin, end - begin, peak);
    if (k > 0) {
      Best best{a.best + item * a.k_max, k};
      select_best<A>(logits, begin, end, k <= kPeaks ? find_floor<A>(peak, k) : -__builtin_inff(),
                     best);
      a.counts[item] = best.n;
    }
    if (!need.logsumexp) continue;
    a.max[item] = max;
    a.sum[item] = max > -__builtin_inff() ? sum_of_exp<A>(logits + begin, end - begin, max) : 0.0f;
  }
}

}  // namespace
}  // namespace engine::cpu
