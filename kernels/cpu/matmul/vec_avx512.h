// Vectors of 16 rows for codecs and tiles (AVX-512).
// Vec256 in vec_avx2.h has the same members for 8 rows.
#pragma once

#include <immintrin.h>

#include <cstring>

namespace engine::cpu {
namespace {

struct Vec512 {
  static constexpr int kRows = 16;
  // 8-bit codes as unsigned bytes, q + 128: vpdpbusd takes all of them
  static constexpr bool kSigned = false;
  using I = __m512i;
  using F = __m512;

  static I load(const std::byte* p) { return _mm512_loadu_si512(p); }
  static void store(std::byte* p, I v) { _mm512_storeu_si512(p, v); }
  static I words16(const std::byte* p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static I set8(int v) { return _mm512_set1_epi8(static_cast<char>(v)); }
  static I set32(int v) { return _mm512_set1_epi32(v); }
  static I set16(int v) { return _mm512_set1_epi16(static_cast<short>(v)); }
  static I table(const int8_t* t16) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(t16)));
  }
  static I lookup(I table, I index) { return _mm512_shuffle_epi8(table, index); }
  static I and_(I a, I b) { return _mm512_and_si512(a, b); }
  static I or_(I a, I b) { return _mm512_or_si512(a, b); }
  static I or_masked(I a, I b, I mask) { return _mm512_ternarylogic_epi32(a, b, mask, 0xf8); }
  static I xor_(I a, I b) { return _mm512_xor_si512(a, b); }
  static I add8(I a, I b) { return _mm512_add_epi8(a, b); }
  static I sub32(I a, I b) { return _mm512_sub_epi32(a, b); }
  // Each byte b of a becomes scale * (b - zero) + strip_zero, which fits into a byte without sign.
  static I scale_codes(I a, I scale, int zero, int strip_zero) {
    const I from = set16(zero), to = set16(strip_zero);
    const auto one = [&](I codes) {
      return _mm512_add_epi16(_mm512_mullo_epi16(_mm512_sub_epi16(codes, from), scale), to);
    };
    return _mm512_or_si512(one(_mm512_and_si512(a, set16(255))),
                           _mm512_slli_epi16(one(_mm512_srli_epi16(a, 8)), 8));
  }
  // Bytes b and b + 1 of each lane in its two halves, without or with sign.
  static I spread(I v, int b) { return _mm512_shuffle_epi8(v, spread_order(b, false)); }
  static I spread_signed(I v, int b) {
    return _mm512_srai_epi16(_mm512_shuffle_epi8(v, spread_order(b, true)), 8);
  }
  // Of each lane the low half of `low`, the high one of `high`.
  static I halves(I low, I high) { return _mm512_mask_blend_epi16(0xaaaaaaaau, low, high); }
  static I sub16(I a, I b) { return _mm512_sub_epi16(a, b); }
  static I sll(I a, int n) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
  static I srl(I a, int n) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(n)); }
  static I sra24(I a) { return _mm512_srai_epi32(a, 24); }

  static F zero() { return _mm512_setzero_ps(); }
  static F loadf(const std::byte* p) { return _mm512_loadu_ps(p); }
  static void storef(void* p, F v) { _mm512_storeu_ps(p, v); }
  static F load_half(const std::byte* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F load_bf16(const std::byte* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(words16(p), 16));
  }
  static F set1(float v) { return _mm512_set1_ps(v); }
  static F to_float(I v) { return _mm512_cvtepi32_ps(v); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }

 private:
  [[gnu::always_inline]] static I spread_order(int b, bool high) {
    const int none = 0x80, first = high ? none | b << 8 : b | none << 8;
    const int lane = first | (high ? none | (b + 1) << 8 : (b + 1) | none << 8) << 16;
    const int next = high ? 0x04000400 : 0x00040004;
    return _mm512_broadcast_i32x4(
        _mm_setr_epi32(lane, lane + next, lane + 2 * next, lane + 3 * next));
  }
};

}  // namespace
}  // namespace engine::cpu
