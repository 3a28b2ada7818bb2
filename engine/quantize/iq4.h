// iq4_nl, iq4_xs: codes into a table of values, so that rounding is a search for the nearest value. The scale of each 32 elements is
// searched for; iq4_xs stores eight of them as codes.
//
// `near` of the lanes gives for v the nearest value of the table and its index; on the border between two, the upper one.
#pragma once

#include "engine/quantize/batch.h"
#include "engine/quantize/lanes_scalar.h"
#include "engine/quantize/search.h"
#include "kernels/types/iq4_nl.h"

namespace engine::quant {

// kBorders[k]: from here on, index k + 1 is nearer than index k. Borders are exact: multiples of 0.5.
constexpr float kBorders[15] = {-115.5f, -93.5f, -74,   -57,   -42, -28.5f, -16, -4.5f,
                                7,       19,     31.5f, 45.5f, 61,  79,     101};
constexpr float kFirstValue = -127;

template <class V>
struct Nearest {
  V value, index;
};

ENGINE_LANE_FN Nearest<Lane1> nearest(Lane1 v) {
  int k = 0;
  for (int i = 0; i < 15; ++i) k += v.v >= kBorders[i] ? 1 : 0;
  return {{static_cast<float>(Block<DType::iq4_nl>::kValues[k])}, {static_cast<float>(k)}};
}

// The scale with which the nearest values fit best.
template <class V>
static inline V fit_values(const V* x, const V* w) {
  const V zero = V::all(0);
  const V peak = extreme(x, 32);
  const typename V::Mask dead = magnitude(peak) < V::all(kSmallestExtreme);
  V along, across;
  const auto weigh_with = [&](V factor) {
    along = zero, across = zero;
    for (int i = 0; i < 32; ++i) {
      const V q = nearest(factor * x[i]).value, wq = w[i] * q;
      along = along + wq * x[i];
      across = across + wq * q;
    }
  };
  weigh_with(V::all(1) / ((zero - peak) / V::all(kFirstValue)));
  V scale = pick(zero < across, along / across, zero), best = scale * along;
  for (int t = -7; t <= 7; ++t) {
    weigh_with(V::all(static_cast<float>(t) + kFirstValue) / peak);
    const typename V::Mask better = both(zero < across, best * across < along * along);
    if (!any(better)) continue;
    scale = pick(better, along / across, scale);
    best = pick(better, scale * along, best);
  }
  return pick(dead, zero, scale);
}

template <class V>
static inline void weights_iq4(const float* importance, const V* x, V mean, V* w) {
  if (importance != nullptr) {
    V::load_tile(importance, w, 32);
    weigh<V, 32>(w, x, mean, w);
  } else {
    for (int i = 0; i < 32; ++i) w[i] = x[i] * x[i];
  }
}

template <class V>
static inline void put_values(const V* x, V factor, uint8_t* bytes) {
  V codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = nearest(factor * x[i]).index;
  bytes_of<V, 32>(codes, bytes);
}

template <class V>
static inline void row_iq4_nl(const float* x, const float* importance, std::byte* out, int64_t n) {
  batches_of_32<V>(x, importance, out, n, 18,
                   [](const float* xs, const float* importances, std::byte* b, int blocks) {
                     V tile[32], w[32];
                     V::load_tile(xs, tile, 32);
                     weights_iq4(importances, tile, sum_of_squares(tile, 32) * V::all(2.0f / 32),
                                 w);
                     float scale[V::W], factor[V::W];
                     fit_values(tile, w).store(scale);
                     for (int j = 0; j < V::W; ++j) factor[j] = inverse(scale[j]);
                     uint8_t code[V::W * 32];
                     put_values(tile, V::load(factor), code);
                     for (int j = 0; j < blocks; ++j, b += 18) {
                       bits::put_half(b, 0, scale[j]);
                       put_nibbles(code + 32 * j, b + 2);
                     }
                   });
}

template <class V>
static inline void block_iq4_xs(const float* x, const float* importance, std::byte* b) {
  constexpr int kTiles = 8 / V::W, kStep = 32 * V::W;
  V tile[kTiles][32];
  float scale[8], factor[8];
  const V mean = V::all(importance ? squares(x, 256) * (2.0f / 256) : 0);
  for (int t = 0; t < kTiles; ++t) {
    V w[32];
    V::load_tile(x + t * kStep, tile[t], 32);
    weights_iq4(importance ? importance + t * kStep : nullptr, tile[t], mean, w);
    fit_values(tile[t], w).store(scale + t * V::W);
  }
  const float d = -extreme_of(scale, 8) / 32, id = inverse(d);
  uint32_t high = 0;
  for (int g = 0; g < 8; g += 2) b[4 + g / 2] = std::byte{0};
  for (int g = 0; g < 8; ++g) {
    const float s = code_of(Lane1{id * scale[g]}, -32, 31).v;
    factor[g] = inverse(d * s);
    const int stored = static_cast<int>(s) + 32;
    b[4 + g / 2] |= static_cast<std::byte>((stored & 15) << 4 * (g % 2));
    high |= static_cast<uint32_t>(stored >> 4) << 2 * g;
  }
  bits::put_half(b, 0, d);
  const uint16_t high16 = static_cast<uint16_t>(high);
  std::memcpy(b + 2, &high16, 2);
  uint8_t code[256];
  for (int t = 0; t < kTiles; ++t)
    put_values(tile[t], V::load(factor + t * V::W), code + t * kStep);
  for (int g = 0; g < 8; ++g) put_nibbles(code + 32 * g, b + 8 + 16 * g);
}

template <class V>
static inline void row_iq4_xs(const float* x, const float* importance, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, out += 136)
    block_iq4_xs<V>(x + i, importance ? importance + i : nullptr, out);
}

}  // namespace engine::quant
