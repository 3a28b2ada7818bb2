// Heads as int8 codes with one scale each, as they lie in a q8_0 cache (decision 0006).
// Scale: max|x| / 127 rounded to half; codes: x / scale, to nearest even.
#pragma once

#include <cstdint>

#include "engine/core/half.h"

namespace engine::cpu {
namespace {

// Of kLanes heads, rotated already: dimension i of head l is x[i * kLanes + l], its code
// out[i * stride + l].
template <int64_t kLanes>
inline void store_q8(const float* x, int64_t d, int8_t* out, int64_t stride, uint16_t* half) {
  float largest[kLanes] = {}, scale[kLanes];
  for (int64_t i = 0; i < d; ++i)
    for (int64_t l = 0; l < kLanes; ++l) {
      const float size = __builtin_fabsf(x[i * kLanes + l]);
      largest[l] = size > largest[l] ? size : largest[l];
    }
  for (int64_t l = 0; l < kLanes; ++l) {
    const float wanted = largest[l] / 127.0f;
    half[l] = float_to_half(wanted < 65504.0f ? wanted : 65504.0f);
    scale[l] = half_to_float(half[l]);
  }
  // Added and taken away, this leaves the nearest even integer of a small number.
  constexpr float kRound = 0x1.8p23f;
  for (int64_t i = 0; i < d; ++i)
    for (int64_t l = 0; l < kLanes; ++l) {
      const float q = x[i * kLanes + l] / (scale[l] != 0 ? scale[l] : 1.0f);
      const float bounded = q > -127.0f ? (q < 127.0f ? q : 127.0f) : -127.0f;  // NaN: -127
      const float code = scale[l] != 0 ? (bounded + kRound) - kRound : 0.0f;
      out[i * stride + l] = static_cast<int8_t>(code);
    }
}

}  // namespace
}  // namespace engine::cpu
