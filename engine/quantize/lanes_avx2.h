// Lanes of width eight: each operation of lanes_scalar.h on the same element of eight groups. Only for files of suffix _avx2.
#pragma once

#include <immintrin.h>

#include "engine/quantize/lanes_scalar.h"

namespace engine::quant {

struct Lane8 {
  static constexpr int W = 8;
  struct Mask {
    __m256 m;
  };
  __m256 v;

  ENGINE_LANE_FN static Lane8 all(float f) { return {_mm256_set1_ps(f)}; }
  ENGINE_LANE_FN static Lane8 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  ENGINE_LANE_FN void store(float* p) const { _mm256_storeu_ps(p, v); }

  // tile[i] = element i of the eight groups of n elements that follow each other at x; n is a multiple of 8.
  ENGINE_LANE_FN static void load_tile(const float* x, Lane8* tile, int n) {
    for (int i = 0; i < n; i += 8) {
      __m256 r[8];
      for (int j = 0; j < 8; ++j) r[j] = _mm256_loadu_ps(x + j * n + i);
      transpose(r);
      for (int j = 0; j < 8; ++j) tile[i + j].v = r[j];
    }
  }
  ENGINE_LANE_FN static void store_tile(const Lane8* tile, float* x, int n) {
    for (int i = 0; i < n; i += 8) {
      __m256 r[8];
      for (int j = 0; j < 8; ++j) r[j] = tile[i + j].v;
      transpose(r);
      for (int j = 0; j < 8; ++j) _mm256_storeu_ps(x + j * n + i, r[j]);
    }
  }

 private:
  ENGINE_LANE_FN static void transpose(__m256* r) {
    __m256 a[8], b[8];
    for (int j = 0; j < 8; j += 2) {
      a[j] = _mm256_unpacklo_ps(r[j], r[j + 1]);
      a[j + 1] = _mm256_unpackhi_ps(r[j], r[j + 1]);
    }
    for (int j = 0; j < 8; j += 4) {
      b[j] = _mm256_shuffle_ps(a[j], a[j + 2], 0x44);
      b[j + 1] = _mm256_shuffle_ps(a[j], a[j + 2], 0xee);
      b[j + 2] = _mm256_shuffle_ps(a[j + 1], a[j + 3], 0x44);
      b[j + 3] = _mm256_shuffle_ps(a[j + 1], a[j + 3], 0xee);
    }
    for (int j = 0; j < 4; ++j) {
      r[j] = _mm256_permute2f128_ps(b[j], b[j + 4], 0x20);
      r[j + 4] = _mm256_permute2f128_ps(b[j], b[j + 4], 0x31);
    }
  }
};

ENGINE_LANE_FN Lane8 operator+(Lane8 a, Lane8 b) {
  return {_mm256_add_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8 operator-(Lane8 a, Lane8 b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8 operator*(Lane8 a, Lane8 b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8 operator/(Lane8 a, Lane8 b) {
  return {_mm256_div_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8::Mask operator<(Lane8 a, Lane8 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)};
}
ENGINE_LANE_FN Lane8 smaller(Lane8 a, Lane8 b) {
  return {_mm256_min_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8 larger(Lane8 a, Lane8 b) {
  return {_mm256_max_ps(a.v, b.v)};
}
ENGINE_LANE_FN Lane8 magnitude(Lane8 a) {
  return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)};
}
ENGINE_LANE_FN Lane8 root(Lane8 a) {
  return {_mm256_sqrt_ps(a.v)};
}
ENGINE_LANE_FN Lane8 truncated(Lane8 a) {
  return {_mm256_cvtepi32_ps(_mm256_cvttps_epi32(a.v))};
}
ENGINE_LANE_FN Lane8::Mask both(Lane8::Mask a, Lane8::Mask b) {
  return {_mm256_and_ps(a.m, b.m)};
}
ENGINE_LANE_FN Lane8::Mask either(Lane8::Mask a, Lane8::Mask b) {
  return {_mm256_or_ps(a.m, b.m)};
}
ENGINE_LANE_FN bool any(Lane8::Mask m) {
  return _mm256_movemask_ps(m.m) != 0;
}
ENGINE_LANE_FN Lane8 pick(Lane8::Mask m, Lane8 yes, Lane8 no) {
  return {_mm256_blendv_ps(no.v, yes.v, m.m)};
}

}  // namespace engine::quant
