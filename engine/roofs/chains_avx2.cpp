// Peak chains with 256-bit registers: f32 FMA; maddubs + madd per 32 products, and with eight
// maddubs summed in int16 first.
#include <immintrin.h>

#include "engine/core/cpu_features.h"
#include "engine/roofs/chain.h"

namespace engine::roofs {
namespace {

constexpr uint64_t kNeeds = isa::avx2 | isa::fma;

int64_t fma(int64_t rounds, float* sink) {
  __m256 a[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; ++i) a[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 x = _mm256_set1_ps(1.0000001f), y = _mm256_set1_ps(1e-9f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) {
      a[i] = _mm256_fmadd_ps(a[i], x, y);
      asm volatile("" : "+x"(a[i]));  // stays in its register, is not folded over rounds
    }
  }
#pragma GCC unroll 12
  for (int i = 1; i < 12; ++i) a[0] = _mm256_add_ps(a[0], a[i]);
  _mm256_storeu_ps(sink, a[0]);
  return rounds * 12 * 8;
}

// Values stay in registers, in this order: left to itself the compiler adds products as a tree and
// stores half of them, which costs a third.
inline void keep(__m256i& v) {
  asm volatile("" : "+x"(v));
}

// G: products of int16 summed before they are widened.
template <int G>
int64_t maddubs(int64_t rounds, float* sink) {
  constexpr int kWeights = 4, kColumns = 4;  // with sums, a product and ones: 14 registers
  __m256i sum[kColumns] = {}, w[kWeights];
#pragma GCC unroll 4
  for (int i = 0; i < kWeights; ++i) w[i] = _mm256_set1_epi8(static_cast<char>(i + 1));
  __m256i v = _mm256_set1_epi8(-2), ones = _mm256_set1_epi16(1);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 8
      for (int g = 0; g < 8; g += G) {
        keep(v);  // products are not hoisted
        __m256i s = _mm256_maddubs_epi16(w[g % kWeights], v);
        keep(s);
#pragma GCC unroll 8
        for (int j = 1; j < G; ++j) {
          __m256i product = _mm256_maddubs_epi16(w[(g + j) % kWeights], v);
          keep(product);
          s = _mm256_add_epi16(s, product);
          keep(s);
        }
        sum[c] = _mm256_add_epi32(sum[c], _mm256_madd_epi16(s, ones));
        keep(sum[c]);
      }
    }
  }
  const __m256i all =
      _mm256_add_epi32(_mm256_add_epi32(sum[0], sum[1]), _mm256_add_epi32(sum[2], sum[3]));
  _mm256_storeu_ps(sink, _mm256_cvtepi32_ps(all));
  return rounds * kColumns * 8 * 32;
}

}  // namespace

extern const Chain chain_fma_avx2{"f32 fma, ymm", kNeeds, false, fma};
extern const Chain chain_maddubs1_avx2{"maddubs + madd, 1 deep", kNeeds, true, maddubs<1>};
extern const Chain chain_maddubs8_avx2{"maddubs + madd, 8 deep", kNeeds, true, maddubs<8>};

}  // namespace engine::roofs
