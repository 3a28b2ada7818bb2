// f32, f16 and bf16 as targets: a conversion, nothing to search.
#pragma once

#include <cstring>

#include "engine/core/half.h"
#include "kernels/types/block.h"

namespace engine::quant {

static inline void row_f32(const float* x, const float*, std::byte* out, int64_t n) {
  std::memcpy(out, x, static_cast<size_t>(n) * sizeof(float));
}

static inline void row_bf16(const float* x, const float*, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t h = float_to_bf16(x[i]);
    std::memcpy(out + 2 * i, &h, 2);
  }
}

static inline void widen_bf16(const std::byte* in, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint16_t h;
    std::memcpy(&h, in + 2 * i, 2);
    y[i] = bf16_to_float(h);
  }
}

}  // namespace engine::quant
