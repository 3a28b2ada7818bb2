// Peak chains with 512-bit registers: f32 FMA and vpdpbusd.
#include <immintrin.h>

#include "engine/core/cpu_features.h"
#include "engine/roofs/chain.h"

namespace engine::roofs {
namespace {

int64_t fma(int64_t rounds, float* sink) {
  __m512 a[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) a[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 x = _mm512_set1_ps(1.0000001f), y = _mm512_set1_ps(1e-9f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) {
      a[i] = _mm512_fmadd_ps(a[i], x, y);
      asm volatile("" : "+v"(a[i]));  // stays in its register, is not folded over rounds
    }
  }
#pragma GCC unroll 12
  for (int i = 1; i < 12; ++i) a[0] = _mm512_add_ps(a[0], a[i]);
  _mm256_storeu_ps(sink, _mm512_castps512_ps256(a[0]));
  return rounds * 12 * 16;
}

int64_t dot(int64_t rounds, float* sink) {
  __m512i a[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) a[i] = _mm512_set1_epi32(i);
  const __m512i x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(-2);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) {
      a[i] = _mm512_dpbusd_epi32(a[i], x, y);
      asm volatile("" : "+v"(a[i]));
    }
  }
#pragma GCC unroll 12
  for (int i = 1; i < 12; ++i) a[0] = _mm512_add_epi32(a[0], a[i]);
  _mm256_storeu_ps(sink, _mm512_castps512_ps256(_mm512_cvtepi32_ps(a[0])));
  return rounds * 12 * 64;
}

}  // namespace

extern const Chain chain_fma_avx512{"f32 fma, zmm", isa::avx512, false, fma};
extern const Chain chain_vpdpbusd_avx512{"vpdpbusd, zmm", isa::avx512 | isa::avx512vnni, true, dot};

}  // namespace engine::roofs
