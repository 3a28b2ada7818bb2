// Scores of a chunk to weights.
#pragma once

#include "kernels/cpu/attention/merge.h"

namespace engine::cpu {
namespace {

// Scores of one row in one chunk to weights, in place. s[begin, end) are computed, [lo, hi) are
// visible; begin and end are multiples of the lanes. out.m: the maximum; out.l: the sum of the
// weights, 0 if the row sees no key here.
// kScaled: keys and values are codes times k_scale[i], v_scale[i]. What is left in s is
// weight * v_scale; the sum is of the weights.
template <class V, bool kScaled>
void soften(float* s, const float* k_scale, const float* v_scale, int begin, int end, int lo,
            int hi, float scale, float cap, Softmax& out) {
  const typename V::Reg minus_inf = V::set1(-__builtin_inff());
  typename V::Reg most = minus_inf;
  for (int i = begin; i < end; i += V::kLanes) {
    typename V::Reg v = V::mul(V::load(s + i), V::set1(scale));
    if constexpr (kScaled) v = V::mul(v, V::load(k_scale + i));
    if (cap != 0) v = V::mul(V::set1(cap), V::tanh(V::mul(v, V::set1(1 / cap))));
    if (i < lo || i + V::kLanes > hi) v = V::inside(v, lo - i, hi - i, minus_inf);
    V::store(s + i, v);
    most = V::max(most, v);
  }
  out.m = V::largest(most);
  const float base = out.m > -__builtin_inff() ? out.m : 0;
  typename V::Reg total = V::zero();
  for (int i = begin; i < end; i += V::kLanes) {
    // what is not visible: exp(-inf) = 0
    const typename V::Reg p = V::exp(V::sub(V::load(s + i), V::set1(base)));
    if constexpr (kScaled)
      V::store(s + i, V::mul(p, V::load(v_scale + i)));
    else
      V::store(s + i, p);
    total = V::add(total, p);
  }
  out.l = V::sum(total);
}

}  // namespace
}  // namespace engine::cpu
