// What the quantizers of all families share: rows cut into batches of W blocks of 32, codes as bytes, sums over rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/types/block.h"

namespace engine::quant {

// Sum of squares of n elements, one after the other.
static inline float squares(const float* x, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

// w[i] = importance of column i, more for larger elements: importance * sqrt(mean + x^2).
template <class V, int N>
static inline void weigh(const V* importance, const V* x, V mean, V* w) {
  for (int i = 0; i < N; ++i) w[i] = importance[i] * root(mean + x[i] * x[i]);
}

// Codes of a tile as bytes, group after group. Requires: all of them in 0..255.
template <class V, int N>
static inline void bytes_of(const V* tile, uint8_t* out) {
  float f[V::W * N];
  V::store_tile(tile, f, N);
  for (int i = 0; i < V::W * N; ++i) out[i] = static_cast<uint8_t>(static_cast<int>(f[i]));
}

// Calls body(x, importance, out, blocks) for batches of W blocks of 32 elements; of a last, smaller batch the
// other blocks are zeros.
template <class V, class Body>
static inline void batches_of_32(const float* x, const float* importance, std::byte* out, int64_t n,
                                 int64_t block_bytes, Body&& body) {
  constexpr int64_t kStep = 32 * V::W;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep)
    body(x + i, importance ? importance + i : nullptr, out + i / 32 * block_bytes, V::W);
  if (i == n) return;
  float x_rest[kStep] = {}, importance_rest[kStep] = {};
  for (int64_t j = i; j < n; ++j) {
    x_rest[j - i] = x[j];
    if (importance) importance_rest[j - i] = importance[j];
  }
  body(x_rest, importance ? importance_rest : nullptr, out + i / 32 * block_bytes,
       static_cast<int>((n - i) / 32));
}

// 32 four-bit codes as kernels/types/q4_0.h stores them.
static inline void put_nibbles(const uint8_t* code, std::byte* out) {
  for (int i = 0; i < 16; ++i)
    out[i] = static_cast<std::byte>((code[i] & 15) | (code[i + 16] & 15) << 4);
}
// Bit 4 of 32 codes.
static inline void put_fifth_bits(const uint8_t* code, std::byte* out) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(code[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, 4);
}

// 256 codes of two bits in planes (bits::plane2).
static inline void put_planes(const uint8_t* code, std::byte* out) {
  for (int h = 0; h < 2; ++h) {
    const uint8_t* c = code + 128 * h;
    for (int k = 0; k < 32; ++k)
      out[32 * h + k] = static_cast<std::byte>((c[k] & 3) | (c[k + 32] & 3) << 2 |
                                               (c[k + 64] & 3) << 4 | (c[k + 96] & 3) << 6);
  }
}

// 1 / v; 0 where that is no finite number.
static inline float inverse(float v) {
  const float r = v != 0 ? 1.0f / v : 0.0f;
  return r - r == 0 ? r : 0.0f;
}

// The one of largest magnitude, with its sign; the first of several.
static inline float extreme_of(const float* v, int n) {
  float largest = 0, value = 0;
  for (int i = 0; i < n; ++i) {
    const float a = v[i] < 0 ? -v[i] : v[i];
    if (a > largest) largest = a, value = v[i];
  }
  return value;
}

}  // namespace engine::quant
