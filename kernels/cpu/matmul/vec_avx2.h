// Vectors of 8 rows for codecs and tiles (AVX2).
// Vec512 in vec_avx512.h has the same members for 16 rows.
#pragma once

#include <immintrin.h>

#include <cstring>

namespace engine::cpu {
namespace {

struct Vec256 {
  static constexpr int kRows = 8;
  // 8-bit codes stay signed: 255 * 127 * 2 does not fit the 16 bits of vpmaddubsw
  static constexpr bool kSigned = true;
  using I = __m256i;
  using F = __m256;

  static I load(const std::byte* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store(std::byte* p, I v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static I words16(const std::byte* p) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static I set8(int v) { return _mm256_set1_epi8(static_cast<char>(v)); }
  static I set32(int v) { return _mm256_set1_epi32(v); }
  static I table(const int8_t* t16) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(t16)));
  }
  static I lookup(I table, I index) { return _mm256_shuffle_epi8(table, index); }
  static I and_(I a, I b) { return _mm256_and_si256(a, b); }
  static I or_(I a, I b) { return _mm256_or_si256(a, b); }
  static I or_masked(I a, I b, I mask) { return or_(a, and_(b, mask)); }
  static I xor_(I a, I b) { return _mm256_xor_si256(a, b); }
  static I sub32(I a, I b) { return _mm256_sub_epi32(a, b); }
  static I sll(I a, int n) { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n)); }
  static I srl(I a, int n) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(n)); }
  // Low halves of the lanes of a and b, side by side.
  static I halves(I a, I b) { return or_(and_(a, set32(0xffff)), sll(b, 16)); }
  // Bytes 2 i and 2 i + 1 of each lane, 16 bits each.
  static I pair_of_bytes(I a, int i) {
    const I two = srl(a, 16 * i);
    return or_(and_(two, set32(0xff)), and_(sll(two, 8), set32(0xff0000)));
  }
  static I sra24(I a) { return _mm256_srai_epi32(a, 24); }

  static F zero() { return _mm256_setzero_ps(); }
  static F loadf(const std::byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
  static void storef(void* p, F v) { _mm256_storeu_ps(static_cast<float*>(p), v); }
  static F load_half(const std::byte* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static F load_bf16(const std::byte* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(words16(p), 16));
  }
  static F set1(float v) { return _mm256_set1_ps(v); }
  static F to_float(I v) { return _mm256_cvtepi32_ps(v); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace
}  // namespace engine::cpu
