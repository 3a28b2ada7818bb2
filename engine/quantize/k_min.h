// q2_k, q4_k, q5_k: 256 elements in groups that have a scale and a minimum, which are codes themselves.
#pragma once

#include "engine/quantize/batch.h"
#include "engine/quantize/lanes_scalar.h"
#include "engine/quantize/search.h"

namespace engine::quant {

struct Q2KForm {
  static constexpr int kGroup = 16, kBytes = 84, kMost = 3, kScaleMost = 15;
  static constexpr bool kAbsolute = true;
  static constexpr float kFrom = -0.5f;  // the search without importance
  static constexpr int kSteps = 15;
  static constexpr float kMeanFactor = 1;

  static void pack(const uint8_t* code, const float* scale, const float* min, float d, float dmin,
                   std::byte* b) {
    for (int j = 0; j < 16; ++j)
      b[j] = static_cast<std::byte>(static_cast<int>(scale[j]) | static_cast<int>(min[j]) << 4);
    put_planes(code, b + 16);
    bits::put_half(b, 80, d);
    bits::put_half(b, 82, dmin);
  }
};

// kernels/types/scale_min_6.h
static inline void put_scale_min_6(const float* scale, const float* min, std::byte* b) {
  for (int j = 0; j < 4; ++j) {
    const int s = static_cast<int>(scale[j]), m = static_cast<int>(min[j]);
    const int s4 = static_cast<int>(scale[j + 4]), m4 = static_cast<int>(min[j + 4]);
    b[j] = static_cast<std::byte>(s | s4 >> 4 << 6);
    b[j + 4] = static_cast<std::byte>(m | m4 >> 4 << 6);
    b[j + 8] = static_cast<std::byte>((s4 & 15) | (m4 & 15) << 4);
  }
}

template <int kBits>
struct Q45KForm {
  static constexpr int kGroup = 32, kBytes = kBits == 4 ? 144 : 176, kMost = (1 << kBits) - 1;
  static constexpr int kScaleMost = 63;
  static constexpr bool kAbsolute = false;
  static constexpr float kFrom = kBits == 4 ? -1.0f : -0.5f;
  static constexpr int kSteps = kBits == 4 ? 20 : 15;
  static constexpr float kMeanFactor = 2;

  static void pack(const uint8_t* code, const float* scale, const float* min, float d, float dmin,
                   std::byte* b) {
    bits::put_half(b, 0, d);
    bits::put_half(b, 2, dmin);
    put_scale_min_6(scale, min, b + 4);
    if (kBits == 5) {
      for (int k = 0; k < 32; ++k) {
        int bits = 0;
        for (int j = 0; j < 8; ++j) bits |= (code[32 * j + k] >> 4) << j;
        b[16 + k] = static_cast<std::byte>(bits);
      }
    }
    std::byte* low = b + kBytes - 128;
    for (int h = 0; h < 4; ++h)
      for (int k = 0; k < 32; ++k)
        low[32 * h + k] =
            static_cast<std::byte>((code[64 * h + k] & 15) | (code[64 * h + 32 + k] & 15) << 4);
  }
};

// n scales (or minima) as codes in [0, most]; returns what one step of them is worth.
static inline float scale_codes(const float* v, int n, int most, float* codes) {
  float max = 0;
  for (int i = 0; i < n; ++i) max = v[i] > max ? v[i] : max;
  const float top = static_cast<float>(most), factor = max > 0 ? top / max : 0;
  for (int i = 0; i < n; ++i)
    codes[i] = clamped(rounded(Lane1{factor * v[i]}), Lane1{0}, Lane1{top}).v;
  return max > 0 ? max / top : 0;
}

template <class V, class Form>
static inline void block_k_min(const float* x, const float* importance, std::byte* b) {
  constexpr int N = Form::kGroup, kGroups = 256 / N, kTiles = kGroups / V::W;
  constexpr int kStep = N * V::W;  // elements of a tile
  V tile[kTiles][N], codes[kTiles][N];
  float scale[kGroups], min[kGroups], weight[kGroups];
  const V mean = V::all(importance ? Form::kMeanFactor * squares(x, 256) / 256.0f : 0);
  for (int t = 0; t < kTiles; ++t) {
    V w[N];
    V::load_tile(x + t * kStep, tile[t], N);
    ScaleAndMin<V> fit;
    if (importance != nullptr) {
      V::load_tile(importance + t * kStep, w, N);
      weigh<V, N>(w, tile[t], mean, w);
      fit = fit_asymmetric<V, N, false>(tile[t], w, Form::kMost, -0.9f, 0.05f, 36, codes[t]);
    } else {
      V base = V::all(0);
      if (!Form::kAbsolute) base = root(sum_of_squares(tile[t], N) / V::all(N));
      for (int i = 0; i < N; ++i)
        w[i] = Form::kAbsolute ? magnitude(tile[t][i]) : base + magnitude(tile[t][i]);
      fit = fit_asymmetric<V, N, Form::kAbsolute>(tile[t], w, Form::kMost, Form::kFrom, 0.1f,
                                                  Form::kSteps, codes[t]);
    }
    fit.scale.store(scale + t * V::W);
    fit.min.store(min + t * V::W);
    sum_of(w, N).store(weight + t * V::W);
  }
  float scale_code[kGroups], min_code[kGroups], d, dmin;
  if (importance != nullptr) {
    d = fit_positive(scale, weight, kGroups, Form::kScaleMost, scale_code);
    dmin = fit_positive(min, weight, kGroups, Form::kScaleMost, min_code);
  } else {
    d = scale_codes(scale, kGroups, Form::kScaleMost, scale_code);
    dmin = scale_codes(min, kGroups, Form::kScaleMost, min_code);
  }
  // The codes again, for the scales as they are stored.
  const V stored = V::all(half_to_float(float_to_half(d)));
  const V stored_min = V::all(half_to_float(float_to_half(dmin)));
  uint8_t bytes[256];
  for (int t = 0; t < kTiles; ++t) {
    const V step = stored * V::load(scale_code + t * V::W);
    const V low = stored_min * V::load(min_code + t * V::W);
    const typename V::Mask live = V::all(0) < step;
    for (int i = 0; i < N; ++i)
      codes[t][i] = pick(live, code_of((tile[t][i] + low) / step, 0, Form::kMost), codes[t][i]);
    bytes_of<V, N>(codes[t], bytes + t * kStep);
  }
  Form::pack(bytes, scale_code, min_code, d, dmin, b);
}

template <class V, class Form>
static inline void row_k_min(const float* x, const float* importance, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 256, out += Form::kBytes)
    block_k_min<V, Form>(x + i, importance ? importance + i : nullptr, out);
}

}  // namespace engine::quant
