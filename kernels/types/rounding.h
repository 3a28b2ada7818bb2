// What the quantizers of the 32-element types share.
#pragma once

#include <cmath>

namespace engine {

// 1 / d; 0 where the block counts as zero because 1 / d is no finite number.
[[gnu::always_inline]] inline float inverse_or_zero(float d) {
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// The element of largest magnitude, with its sign; the first of several.
[[gnu::always_inline]] inline float signed_extreme(const float* x, int n) {
  float largest = 0, value = 0;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(x[i]) > largest) largest = std::fabs(x[i]), value = x[i];
  }
  return value;
}

struct MinMax {
  float min, max;
};
[[gnu::always_inline]] inline MinMax min_max(const float* x, int n) {
  MinMax r{x[0], x[0]};
  for (int i = 1; i < n; ++i) {
    if (x[i] < r.min) r.min = x[i];
    if (x[i] > r.max) r.max = x[i];
  }
  return r;
}

// v cut to an integer in [0, most]; what is no number becomes 0.
[[gnu::always_inline]] inline int truncate_to(float v, int most) {
  if (!(v > 0)) return 0;
  return v < static_cast<float>(most) ? static_cast<int>(v) : most;
}

// v rounded to an integer in [-most, most], halves away from zero; what is no number becomes 0.
[[gnu::always_inline]] inline int round_to(float v, int most) {
  if (v != v) return 0;
  const float r = std::round(v), m = static_cast<float>(most);
  return static_cast<int>(r > m ? m : r < -m ? -m : r);
}

}  // namespace engine
