// q8_0, q4_0, q5_0, q4_1, q5_1: blocks of 32 with one scale (and minimum). Lanes are blocks that follow each other in a row.
// Without importance the scale follows from the extremes; with it, it is searched for.
#pragma once

#include "engine/quantize/batch.h"
#include "engine/quantize/lanes_scalar.h"
#include "engine/quantize/search.h"

namespace engine::quant {

// 1 / d; 0 where that is no finite number.
template <class V>
static inline V inverse_lanes(V d) {
  const V r = V::all(1) / d;
  return pick(magnitude(r) < V::all(3.4e38f), r, V::all(0));
}

template <class V>
static inline void row_q8_0(const float* x, const float*, std::byte* out, int64_t n) {
  constexpr int kBytes = 34;
  batches_of_32<V>(x, nullptr, out, n, kBytes,
                   [](const float* xs, const float*, std::byte* b, int blocks) {
                     V tile[32];
                     V::load_tile(xs, tile, 32);
                     const V d = magnitude(extreme(tile, 32)) / V::all(127);
                     const V factor = inverse_lanes(d);
                     float scale[V::W];
                     d.store(scale);
                     for (int i = 0; i < 32; ++i) {
                       // Halves away from zero; the part after the point is exact.
                       const V v = clamped(factor * tile[i], V::all(-127), V::all(127));
                       const V whole = truncated(v), part = v - whole;
                       const V up = pick(part < V::all(0.5f), V::all(0), V::all(1));
                       const V down = pick(V::all(-0.5f) < part, V::all(0), V::all(1));
                       tile[i] = (whole + up) - down + V::all(128);
                     }
                     uint8_t code[V::W * 32];
                     bytes_of<V, 32>(tile, code);
                     for (int j = 0; j < blocks; ++j, b += kBytes) {
                       bits::put_half(b, 0, scale[j]);
                       for (int i = 0; i < 32; ++i)
                         b[2 + i] = static_cast<std::byte>(code[32 * j + i] - 128);
                     }
                   });
}

// Symmetric codes of kBits bits: q4_0, q5_0.
template <class V, int kBits>
static inline void row_symmetric(const float* x, const float* importance, std::byte* out,
                                 int64_t n) {
  constexpr int kMost = 1 << (kBits - 1), kBytes = kBits == 4 ? 18 : 22;
  const V mean = V::all(importance ? squares(x, n) / static_cast<float>(n) : 0);
  batches_of_32<V>(x, importance, out, n, kBytes,
                   [mean](const float* xs, const float* importances, std::byte* b, int blocks) {
                     V tile[32], d;
                     V::load_tile(xs, tile, 32);
                     if (importances == nullptr) {
                       d = extreme(tile, 32) / V::all(-kMost);
                       const V factor = inverse_lanes(d);
                       for (int i = 0; i < 32; ++i)
                         tile[i] = truncated(clamped(factor * tile[i] + V::all(kMost + 0.5f),
                                                     V::all(0), V::all(2 * kMost - 1)));
                     } else {
                       V w[32];
                       V::load_tile(importances, w, 32);
                       weigh<V, 32>(w, tile, mean, w);
                       d = fit_symmetric<V, 32>(tile, w, kMost, tile);
                     }
                     float scale[V::W];
                     d.store(scale);
                     uint8_t code[V::W * 32];
                     bytes_of<V, 32>(tile, code);
                     for (int j = 0; j < blocks; ++j, b += kBytes) {
                       bits::put_half(b, 0, scale[j]);
                       if (kBits == 5) put_fifth_bits(code + 32 * j, b + 2);
                       put_nibbles(code + 32 * j, b + kBytes - 16);
                     }
                   });
}

// Codes of kBits bits from a minimum up: q4_1, q5_1.
template <class V, int kBits>
static inline void row_from_min(const float* x, const float* importance, std::byte* out,
                                int64_t n) {
  constexpr int kMost = (1 << kBits) - 1, kBytes = kBits == 4 ? 20 : 24;
  const V mean = V::all(importance ? squares(x, n) / static_cast<float>(n) : 0);
  batches_of_32<V>(x, importance, out, n, kBytes,
                   [mean](const float* xs, const float* importances, std::byte* b, int blocks) {
                     V tile[32], codes[32], d, min;
                     V::load_tile(xs, tile, 32);
                     if (importances == nullptr) {
                       V max = min = tile[0];
                       for (int i = 1; i < 32; ++i) {
                         min = smaller(tile[i], min);
                         max = larger(tile[i], max);
                       }
                       d = (max - min) / V::all(kMost);
                       const V factor = inverse_lanes(d);
                       for (int i = 0; i < 32; ++i)
                         codes[i] = truncated(clamped((tile[i] - min) * factor + V::all(0.5f),
                                                      V::all(0), V::all(kMost)));
                     } else {
                       V w[32];
                       V::load_tile(importances, w, 32);
                       weigh<V, 32>(w, tile, mean, w);
                       const ScaleAndMin<V> fit =
                           fit_asymmetric<V, 32, false>(tile, w, kMost, -0.9f, 0.05f, 36, codes);
                       d = fit.scale, min = V::all(0) - fit.min;
                     }
                     float scale[V::W], low[V::W];
                     d.store(scale);
                     min.store(low);
                     uint8_t code[V::W * 32];
                     bytes_of<V, 32>(codes, code);
                     for (int j = 0; j < blocks; ++j, b += kBytes) {
                       bits::put_half(b, 0, scale[j]);
                       bits::put_half(b, 2, low[j]);
                       if (kBits == 5) put_fifth_bits(code + 32 * j, b + 4);
                       put_nibbles(code + 32 * j, b + kBytes - 16);
                     }
                   });
}

}  // namespace engine::quant
