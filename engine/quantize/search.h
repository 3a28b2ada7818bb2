// The searches for the scale of a group: which scale (and minimum) makes the weighted squared error small when the codes are
// rounded with it. Each lane of V searches for its own group (lanes_scalar.h); all lanes try the same candidate at the same time.
// A candidate is remembered by the factor that its codes were rounded with, so codes are made once, at the end.
//
// Arithmetic is float in the order written: the results are those of other quantizers of these formats, bit for bit.
#pragma once

#include "engine/quantize/lanes_scalar.h"

namespace engine::quant {

// To the nearest integer, ties to even. Right for |v| < 2^22; beyond, larger than any code.
template <class V>
static inline V rounded(V v) {
  const V magic = V::all(12582912.0f);
  return (v + magic) - magic;
}
// What is no number becomes `low`.
template <class V>
static inline V clamped(V v, V low, V high) {
  return smaller(larger(v, low), high);
}
template <class V>
static inline V code_of(V v, float low, float high) {
  return clamped(rounded(v), V::all(low), V::all(high));
}

// The element of largest magnitude, with its sign; the first of several.
template <class V>
static inline V extreme(const V* x, int n) {
  V largest = V::all(0), value = V::all(0);
  for (int i = 0; i < n; ++i) {
    const V a = magnitude(x[i]);
    const typename V::Mask more = largest < a;
    largest = pick(more, a, largest);
    value = pick(more, x[i], value);
  }
  return value;
}

template <class V>
static inline V sum_of(const V* w, int n) {
  V sum = V::all(0);
  for (int i = 0; i < n; ++i) sum = sum + w[i];
  return sum;
}
template <class V>
static inline V sum_of_squares(const V* x, int n) {
  V sum = V::all(0);
  for (int i = 0; i < n; ++i) sum = sum + x[i] * x[i];
  return sum;
}

// Groups with a smaller extreme count as zero.
constexpr float kSmallestExtreme = 1e-15f;

// Symmetric codes in [-most, most - 1], stored with `most` added. Returns the scale; a group of zeros has scale 0 and codes 0.
template <class V, int N>
static inline V fit_symmetric(const V* x, const V* w, int most, V* codes) {
  const float m = static_cast<float>(most);
  const V peak = extreme(x, N);
  const typename V::Mask dead = magnitude(peak) < V::all(kSmallestExtreme);
  V wx[N];
  for (int i = 0; i < N; ++i) wx[i] = w[i] * x[i];
  V best_factor = V::all(-m) / peak, scale = V::all(0), best = V::all(0);
  const auto weigh = [&](V factor, V& along, V& across) {
    along = V::all(0), across = V::all(0);
    for (int i = 0; i < N; ++i) {
      const V q = code_of(factor * x[i], -m, m - 1);
      along = along + wx[i] * q;
      across = across + (w[i] * q) * q;
    }
  };
  V along, across;
  weigh(best_factor, along, across);
  scale = pick(either(across < V::all(0), V::all(0) < across), along / across, V::all(0));
  best = scale * along;
  for (int k = -9; k <= 9; ++k) {
    if (k == 0) continue;
    const V factor = V::all(-(m + 0.1f * static_cast<float>(k))) / peak;
    weigh(factor, along, across);
    const typename V::Mask better = both(V::all(0) < across, best * across < along * along);
    if (!any(better)) continue;
    best_factor = pick(better, factor, best_factor);
    scale = pick(better, along / across, scale);
    best = pick(better, scale * along, best);
  }
  for (int i = 0; i < N; ++i) {
    const V q = code_of(best_factor * x[i], -m, m - 1) + V::all(m);
    codes[i] = pick(dead, V::all(0), q);
  }
  return pick(dead, V::all(0), scale);
}

template <class V>
struct ScaleAndMin {
  V scale, min;
};

template <class V, int N, bool kAbsolute>
static inline V asymmetric_error(const V* x, const V* w, const V* codes, V scale, V min) {
  V sum = V::all(0);
  for (int i = 0; i < N; ++i) {
    const V d = (scale * codes[i] + min) - x[i];
    sum = sum + w[i] * (kAbsolute ? magnitude(d) : d * d);
  }
  return sum;
}

// Codes in [0, most], y = scale * code - min, min >= 0. Candidates are the factors (from + step * k + most) / range, k = 0..steps;
// kAbsolute: the error is the sum of magnitudes, not of squares.
template <class V, int N, bool kAbsolute>
static inline ScaleAndMin<V> fit_asymmetric(const V* x, const V* w, int most, float from,
                                            float step, int steps, V* codes) {
  const V zero = V::all(0), top = V::all(static_cast<float>(most));
  V min = x[0], max = x[0], sum_w = w[0], sum_wx = w[0] * x[0];
  for (int i = 1; i < N; ++i) {
    min = smaller(x[i], min);
    max = larger(x[i], max);
    sum_w = sum_w + w[i];
    sum_wx = sum_wx + w[i] * x[i];
  }
  min = smaller(min, zero);
  const V first_min = min;
  V factor = top / (max - min);
  // A range so small that the factor is no number counts as empty.
  const typename V::Mask live = both(min < max, factor < V::all(3e38f));
  V scale = V::all(1) / factor;
  V best_factor = factor, best_min = min, tried[N];
  for (int i = 0; i < N; ++i) tried[i] = clamped(rounded(factor * (x[i] - min)), zero, top);
  V error = asymmetric_error<V, N, kAbsolute>(x, w, tried, scale, min);
  for (int k = 0; k <= steps; ++k) {
    factor = V::all(from + step * static_cast<float>(k) + static_cast<float>(most)) / (max - min);
    V sum_l = zero, sum_l2 = zero, sum_xl = zero;
    for (int i = 0; i < N; ++i) {
      const V q = clamped(rounded(factor * (x[i] - min)), zero, top);
      const V wq = w[i] * q;
      tried[i] = q;
      sum_l = sum_l + wq;
      sum_l2 = sum_l2 + wq * q;
      sum_xl = sum_xl + wq * x[i];
    }
    const V determinant = sum_w * sum_l2 - sum_l * sum_l;
    const typename V::Mask solvable = zero < determinant;
    if (!any(solvable)) continue;
    V new_scale = (sum_w * sum_xl - sum_wx * sum_l) / determinant;
    V new_min = (sum_l2 * sum_wx - sum_l * sum_xl) / determinant;
    const typename V::Mask above = zero < new_min;
    new_scale = pick(above, sum_xl / sum_l2, new_scale);
    new_min = pick(above, zero, new_min);
    const V new_error = asymmetric_error<V, N, kAbsolute>(x, w, tried, new_scale, new_min);
    const typename V::Mask better = both(solvable, new_error < error);
    if (!any(better)) continue;
    best_factor = pick(better, factor, best_factor);
    best_min = pick(better, min, best_min);
    error = pick(better, new_error, error);
    scale = pick(better, new_scale, scale);
    min = pick(better, new_min, min);
  }
  for (int i = 0; i < N; ++i) {
    const V q = clamped(rounded(best_factor * (x[i] - best_min)), zero, top);
    codes[i] = pick(live, q, zero);
  }
  return {pick(live, scale, zero), zero - pick(live, min, first_min)};
}

// Codes in [-4, 3], stored with 4 added: from the rounded ones, each code in turn moves where it lowers the error.
// Weights are x^2.
template <class V, int N>
static inline V fit_three_bits(const V* x, V* codes) {
  const V zero = V::all(0);
  const V peak = extreme(x, N);
  const typename V::Mask dead = magnitude(peak) < V::all(kSmallestExtreme);
  const V factor = V::all(-4.0f) / peak;
  V along = zero, across = zero;
  for (int i = 0; i < N; ++i) {
    const V w = x[i] * x[i];
    codes[i] = code_of(factor * x[i], -4, 3);
    along = along + (w * x[i]) * codes[i];
    across = across + (w * codes[i]) * codes[i];
  }
  for (int pass = 0; pass < 5; ++pass) {
    bool changed = false;
    for (int i = 0; i < N; ++i) {
      const V w = x[i] * x[i];
      V a = along - (w * x[i]) * codes[i];
      const typename V::Mask positive = zero < a;
      if (!any(positive)) continue;
      V b = across - (w * codes[i]) * codes[i];
      const V q = code_of((x[i] * b) / a, -4, 3);
      const typename V::Mask moved = both(positive, either(q < codes[i], codes[i] < q));
      if (!any(moved)) continue;
      a = a + (w * x[i]) * q;
      b = b + (w * q) * q;
      const typename V::Mask better =
          both(both(moved, zero < b), (along * along) * b < (a * a) * across);
      if (!any(better)) continue;
      codes[i] = pick(better, q, codes[i]);
      along = pick(better, a, along);
      across = pick(better, b, across);
      changed = true;
    }
    if (!changed) break;
  }
  const V scale = pick(zero < across, along / across, zero);
  for (int i = 0; i < N; ++i) codes[i] = pick(dead, zero, codes[i] + V::all(4));
  return pick(dead, zero, scale);
}

// n numbers >= 0, the scales of groups, as codes in [0, most] with weights w: candidates, then each code in turn moves where it
// lowers the error. Returns the scale. One lane.
static inline float fit_positive(const float* x, const float* w, int n, int most, float* codes) {
  const float top = static_cast<float>(most);
  float max = 0;
  for (int i = 0; i < n; ++i) max = x[i] > max ? x[i] : max;
  for (int i = 0; i < n; ++i) codes[i] = 0;
  if (max < kSmallestExtreme) return 0;
  const auto code = [&](float v) { return clamped(rounded(Lane1{v}), Lane1{0}, Lane1{top}).v; };
  const auto error = [&](float factor) {
    const float scale = 1 / factor;
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const float d = x[i] - scale * code(factor * x[i]);
      sum += w[i] * (d * d);
    }
    return sum;
  };
  float factor = top / max, least = error(factor);
  for (int k = -4; k <= 4; ++k) {
    if (k == 0) continue;
    const float other = (0.1f * static_cast<float>(k) + top) / max, e = error(other);
    if (e < least) least = e, factor = other;
  }
  float along = 0, across = 0;
  for (int i = 0; i < n; ++i) {
    codes[i] = code(factor * x[i]);
    along += (w[i] * x[i]) * codes[i];
    across += (w[i] * codes[i]) * codes[i];
  }
  for (int pass = 0; pass < 5; ++pass) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      float a = along - (w[i] * x[i]) * codes[i], b = across - (w[i] * codes[i]) * codes[i];
      if (!(a > 0 && b > 0)) continue;
      const float q = code((x[i] * b) / a);
      if (q == codes[i]) continue;
      a += (w[i] * x[i]) * q;
      b += (w[i] * q) * q;
      if (!((a * a) * across > (along * along) * b)) continue;
      codes[i] = q, along = a, across = b;
      changed = true;
    }
    if (!changed) break;
  }
  return across > 0 ? along / across : 0;
}

}  // namespace engine::quant
