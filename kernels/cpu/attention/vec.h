// The vector operations of the attention kernels, one struct per ISA, so that attend_simd.h and
// kv_store_avx2.cpp are written once. Everything is in an anonymous namespace: no code is shared
// between files of different ISAs.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/cpu/elementwise/exp.h"

namespace engine::cpu {
namespace {

struct Avx2Vec {
  using Reg = __m256;
  static constexpr int kLanes = 8;
  // 6 rows x 2 vectors: 12 accumulators, 2 of B, 1 broadcast of 16 registers
  static constexpr int kTileVectors = 2;
  // 3 rows x 4 vectors: 12 accumulators, 1 of B, 3 broadcasts. Three heads that read 2048 keys of
  // f16 on Zen 3: 11 GB/s of 17; with 2 vectors 7.5, without the spreading 9.8.
  static constexpr int kFewRows = 3;
  static constexpr bool kSpreadAhead = true;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg set1(float x) { return _mm256_set1_ps(x); }
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static Reg load(const uint16_t* half) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(half)));
  }
  static Reg load(const int8_t* p) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static Reg set1_half(uint16_t h) {
    return _mm256_cvtph_ps(_mm_set1_epi16(static_cast<int16_t>(h)));
  }
  static void store(float* p, Reg v) { _mm256_storeu_ps(p, v); }
  static void store_half(uint16_t* p, Reg v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static void store_codes(int8_t* p, Reg v) {  // rounded to nearest even; |v| <= 127
    const __m256i c = _mm256_cvtps_epi32(v);
    const __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(w, w));
  }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm256_min_ps(a, b); }  // min, max: b where one is NaN
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg abs(Reg a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static Reg exp(Reg a) { return vec_exp(a); }
  static Reg tanh(Reg a) { return vec_tanh(a); }
  // v in lanes [begin, end), else other.
  static Reg inside(Reg v, int begin, int end, Reg other) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i in = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), lane),
                                           _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
    return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(in));
  }
  // Lanes i and i + kHalf become their sum and difference (i & kHalf == 0).
  template <int kHalf>
  static Reg butterfly(Reg v) {
    const Reg other = kHalf == 1   ? _mm256_permute_ps(v, 0xb1)
                      : kHalf == 2 ? _mm256_permute_ps(v, 0x4e)
                                   : _mm256_permute2f128_ps(v, v, 1);
    const __m256i upper =
        _mm256_and_si256(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(kHalf));
    const __m256i sign = _mm256_slli_epi32(upper, kHalf == 1 ? 31 : kHalf == 2 ? 30 : 29);
    return add(_mm256_xor_ps(v, _mm256_castsi256_ps(sign)), other);
  }
  static float largest(Reg v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
  }
  static float sum(Reg v) {
    __m128 m = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_add_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_add_ss(m, _mm_movehdup_ps(m)));
  }
};

#if defined(__AVX512F__)

struct Avx512Vec {
  using Reg = __m512;
  static constexpr int kLanes = 16;
  // 6 rows x 4 vectors: 24 accumulators, 4 of B, 1 broadcast of 32 registers
  static constexpr int kTileVectors = 4;
  static constexpr int kFewRows = 0;           // all are wide
  static constexpr bool kSpreadAhead = false;  // the first pass is most of them

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg set1(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static Reg load(const uint16_t* half) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(half)));
  }
  static Reg load(const int8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static Reg set1_half(uint16_t h) {
    return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<int16_t>(h)));
  }
  static void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
  static void store_half(uint16_t* p, Reg v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static void store_codes(int8_t* p, Reg v) {  // rounded to nearest even; |v| <= 127
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(v)));
  }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm512_min_ps(a, b); }  // min, max: b where one is NaN
  static Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg abs(Reg a) { return _mm512_abs_ps(a); }
  static Reg exp(Reg a) { return vec_exp(a); }
  static Reg tanh(Reg a) { return vec_tanh(a); }
  // v in lanes [begin, end), else other.
  static Reg inside(Reg v, int begin, int end, Reg other) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __mmask16 in = _mm512_cmpge_epi32_mask(lane, _mm512_set1_epi32(begin)) &
                         _mm512_cmplt_epi32_mask(lane, _mm512_set1_epi32(end));
    return _mm512_mask_mov_ps(other, in, v);
  }
  // Lanes i and i + kHalf become their sum and difference (i & kHalf == 0).
  template <int kHalf>
  static Reg butterfly(Reg v) {
    const Reg other = kHalf == 1   ? _mm512_permute_ps(v, 0xb1)
                      : kHalf == 2 ? _mm512_permute_ps(v, 0x4e)
                      : kHalf == 4 ? _mm512_shuffle_f32x4(v, v, 0xb1)
                                   : _mm512_shuffle_f32x4(v, v, 0x4e);
    constexpr __mmask16 kUpper = kHalf == 1   ? 0xaaaa
                                 : kHalf == 2 ? 0xcccc
                                 : kHalf == 4 ? 0xf0f0
                                              : 0xff00;
    return _mm512_mask_sub_ps(add(v, other), kUpper, other, v);
  }
  static float largest(Reg v) { return _mm512_reduce_max_ps(v); }
  static float sum(Reg v) { return _mm512_reduce_add_ps(v); }
};

#endif

}  // namespace
}  // namespace engine::cpu
