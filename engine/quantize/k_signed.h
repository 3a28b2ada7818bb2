// q3_k, q6_k: 256 elements in 16 groups with signed scales, which are codes themselves.
#pragma once

#include "engine/quantize/batch.h"
#include "engine/quantize/lanes_scalar.h"
#include "engine/quantize/search.h"

namespace engine::quant {

// codes[i] again, for the scales as they are stored: code = x / (d * scale) + most, the old one where that scale is zero.
template <class V>
static inline void recode_signed(const V (*tile)[16], V (*codes)[16], const float* step, int most,
                                 uint8_t* bytes) {
  const float m = static_cast<float>(most);
  for (int t = 0; t < 16 / V::W; ++t) {
    const V s = V::load(step + t * V::W);
    const typename V::Mask live = V::all(0) < magnitude(s);
    for (int i = 0; i < 16; ++i)
      codes[t][i] = pick(live, code_of(tile[t][i] / s, -m, m - 1) + V::all(m), codes[t][i]);
    bytes_of<V, 16>(codes[t], bytes + t * 16 * V::W);
  }
}

static inline float through_half(float d) {
  return half_to_float(float_to_half(d));
}

template <class V>
static inline void block_q3_k(const float* x, const float* importance, std::byte* b) {
  constexpr int kTiles = 16 / V::W;
  V tile[kTiles][16], codes[kTiles][16];
  float scale[16], weight[16], scale_code[16], step[16], d = 0;
  const V mean = V::all(importance ? 2 * squares(x, 256) / 256.0f : 0);
  for (int t = 0; t < kTiles; ++t) {
    V::load_tile(x + t * 16 * V::W, tile[t], 16);
    if (importance == nullptr) {
      fit_three_bits<V, 16>(tile[t], codes[t]).store(scale + t * V::W);
      continue;
    }
    V w[16];
    V::load_tile(importance + t * 16 * V::W, w, 16);
    weigh<V, 16>(w, tile[t], mean, w);
    fit_symmetric<V, 16>(tile[t], w, 4, codes[t]).store(scale + t * V::W);
    sum_of(w, 16).store(weight + t * V::W);
  }
  if (importance == nullptr) {
    const float peak = extreme_of(scale, 16);
    // A peak so small that the factor is no number counts as zero.
    const float factor = -32.0f * inverse(peak) == 0 ? 0 : -32.0f / peak;
    for (int j = 0; j < 16; ++j)
      scale_code[j] = factor == 0 ? 0 : code_of(Lane1{factor * scale[j]}, -32, 31).v + 32;
    d = factor == 0 ? 0 : 1 / factor;
  } else {
    Lane1 s[16], w[16], c[16];
    for (int j = 0; j < 16; ++j) s[j].v = scale[j], w[j].v = weight[j];
    d = fit_symmetric<Lane1, 16>(s, w, 32, c).v;
    for (int j = 0; j < 16; ++j) scale_code[j] = c[j].v;
  }
  const float stored = through_half(d);
  for (int j = 0; j < 16; ++j) step[j] = stored * (scale_code[j] - 32);
  uint8_t code[256];
  recode_signed<V>(tile, codes, step, 4, code);

  for (int k = 0; k < 32; ++k) {
    int high = 0;
    for (int p = 0; p < 8; ++p) high |= (code[32 * p + k] >> 2 & 1) << p;
    b[k] = static_cast<std::byte>(high);
  }
  put_planes(code, b + 32);
  for (int j = 0; j < 12; ++j) b[96 + j] = std::byte{0};
  for (int j = 0; j < 16; ++j) {
    const int s = static_cast<int>(scale_code[j]);
    b[96 + j % 8] |= static_cast<std::byte>((s & 15) << 4 * (j / 8));
    b[104 + j % 4] |= static_cast<std::byte>((s >> 4) << 2 * (j / 4));
  }
  bits::put_half(b, 108, d);
}

template <class V>
static inline void block_q6_k(const float* x, const float* importance, std::byte* b) {
  constexpr int kTiles = 16 / V::W, kBytes = 210;
  V tile[kTiles][16], codes[kTiles][16];
  float scale[16], step[16];
  for (int t = 0; t < kTiles; ++t) {
    V w[16];
    V::load_tile(x + t * 16 * V::W, tile[t], 16);
    if (importance != nullptr) {
      V::load_tile(importance + t * 16 * V::W, w, 16);
    } else {
      for (int i = 0; i < 16; ++i) w[i] = tile[t][i] * tile[t][i];
    }
    fit_symmetric<V, 16>(tile[t], w, 32, codes[t]).store(scale + t * V::W);
  }
  const float peak = extreme_of(scale, 16);
  if (!(peak > kSmallestExtreme || peak < -kSmallestExtreme)) {
    std::memset(b, 0, kBytes);
    return;
  }
  const float factor = -128.0f / peak, d = 1 / factor, stored = through_half(d);
  for (int j = 0; j < 16; ++j) {
    const float s = code_of(Lane1{factor * scale[j]}, -128, 127).v;
    b[192 + j] = static_cast<std::byte>(static_cast<int8_t>(s));
    step[j] = stored * s;
  }
  uint8_t code[256];
  recode_signed<V>(tile, codes, step, 32, code);
  for (int h = 0; h < 2; ++h) {
    for (int k = 0; k < 64; ++k)
      b[64 * h + k] =
          static_cast<std::byte>((code[128 * h + k] & 15) | (code[128 * h + 64 + k] & 15) << 4);
  }
  for (int i = 0; i < 256; ++i) code[i] = static_cast<uint8_t>(code[i] >> 4);
  put_planes(code, b + 128);
  bits::put_half(b, 208, d);
}

template <class V>
static inline void row_q3_k(const float* x, const float* importance, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, out += 110)
    block_q3_k<V>(x + i, importance ? importance + i : nullptr, out);
}
template <class V>
static inline void row_q6_k(const float* x, const float* importance, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, out += 210)
    block_q6_k<V>(x + i, importance ? importance + i : nullptr, out);
}

}  // namespace engine::quant
