// What     a8x256 = f32 (kernels/types/a8x256.h)
// Formula  as a8x256_scalar.cpp: the same bytes
// Layout   two passes over a block of 256: the largest magnitudes of its chunks of 32, then 32 codes
//          at a time; packs works in 128-bit halves, one vpermd puts the codes back in order.
//          vpmaddubsw and vpmaddwd with ones leave eight sums of 4 codes; the sums of 16 of eight
//          chunks are gathered, lifted and split at the end
#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/items.h"
#include "kernels/cpu/quantize/a8x256_rows.h"

namespace engine::cpu {
namespace {

// Lane s: the largest magnitude of chunk s.
inline __m256 largest_of_chunks(const float* x) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  __m128 most[8];
  for (int s = 0; s < 8; ++s) {
    __m256 m = _mm256_setzero_ps();
    for (int i = 0; i < 4; ++i)  // the second operand when the first is NaN
      m = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(x + 32 * s + 8 * i), magnitude), m);
    most[s] = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  }
  __m128 half[2];
  for (int h = 0; h < 2; ++h) {
    __m128* m = most + 4 * h;
    _MM_TRANSPOSE4_PS(m[0], m[1], m[2], m[3]);
    half[h] = _mm_max_ps(_mm_max_ps(m[0], m[1]), _mm_max_ps(m[2], m[3]));
  }
  return _mm256_set_m128(half[1], half[0]);
}

inline float largest_lane(__m256 m) {
  __m128 v = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  v = _mm_max_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}

// 16 sums (lanes of 16 bits) to bytes: sum = 256 * high + low.
inline void split(__m256i sums, __m128i* high, __m128i* low) {
  // 32512 + 128 is in range
  const __m256i h = _mm256_srai_epi16(_mm256_add_epi16(sums, _mm256_set1_epi16(128)), 8);
  const __m256i l = _mm256_sub_epi16(sums, _mm256_slli_epi16(h, 8));
  *high = _mm_packs_epi16(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  *low = _mm_packs_epi16(_mm256_castsi256_si128(l), _mm256_extracti128_si256(l, 1));
}

inline __m256i widen(__m128i v16) {
  return _mm256_cvtepi16_epi32(v16);
}

void quantize_block(const float* x, int8_t* q, float* d, int32_t* total, int32_t* lift,
                    BlockSums* sums, int32_t* shift, WholeSums* whole) {
  const __m256 most = largest_of_chunks(x);
  const float largest = largest_lane(most), inverse = 1016.0f / largest;
  // a comparison that holds is -1
  const __m256 m = _mm256_set1_ps(largest), twice = _mm256_add_ps(most, most),
               four = _mm256_add_ps(twice, twice), eight = _mm256_add_ps(four, four);
  __m256i lifts = _mm256_castps_si256(_mm256_cmp_ps(twice, m, _CMP_GT_OQ));
  lifts = _mm256_add_epi32(lifts, _mm256_castps_si256(_mm256_cmp_ps(four, m, _CMP_GT_OQ)));
  lifts = _mm256_add_epi32(lifts, _mm256_castps_si256(_mm256_cmp_ps(eight, m, _CMP_GT_OQ)));
  lifts = _mm256_sub_epi32(_mm256_setzero_si256(), lifts);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lift), lifts);
  if (!(inverse <= __FLT_MAX__)) {  // counts as zeros
    *d = 0, *total = 0;
    std::memset(q, 0, 256);
    std::memset(shift, 0, 64);
    std::memset(sums, 0, sizeof(BlockSums));
    std::memset(whole, 0, sizeof(WholeSums));
    return;
  }
  *d = largest / 1016.0f;
  alignas(32) float factors[8];  // inverse * 2^-lift
  const __m256i power = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(127), lifts), 23);
  _mm256_store_ps(factors, _mm256_mul_ps(_mm256_set1_ps(inverse), _mm256_castsi256_ps(power)));
  __m256i by4[8];  // of each chunk: sums of 4 codes
  for (int s = 0; s < 8; ++s) {
    const __m256 factor = _mm256_broadcast_ss(factors + s);
    __m256i c[4];
    for (int i = 0; i < 4; ++i) {
      const __m256 r = _mm256_mul_ps(_mm256_loadu_ps(x + 32 * s + 8 * i), factor);
      c[i] = _mm256_cvtps_epi32(_mm256_max_ps(r, _mm256_set1_ps(-127)));  // no number: -127
    }
    __m256i codes =
        _mm256_packs_epi16(_mm256_packs_epi32(c[0], c[1]), _mm256_packs_epi32(c[2], c[3]));
    codes = _mm256_permutevar8x32_epi32(codes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + 32 * s), codes);
    by4[s] =
        _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), codes), _mm256_set1_epi16(1));
  }
  // half h of by16[i], lane j: sum of 16 number h of chunk 4 i + j
  __m256i by16[2];
  for (int i = 0; i < 2; ++i)
    by16[i] = _mm256_hadd_epi32(_mm256_hadd_epi32(by4[4 * i], by4[4 * i + 1]),
                                _mm256_hadd_epi32(by4[4 * i + 2], by4[4 * i + 3]));
  // lane c: first or second 16 of chunk c
  const __m256i first = _mm256_permute2x128_si256(by16[0], by16[1], 0x20),
                second = _mm256_permute2x128_si256(by16[0], by16[1], 0x31);
  // to the order of the codes, in 16 bits: pairs of a chunk, then chunks
  const auto in_order = [](__m256i a, __m256i b) {
    return _mm256_or_si256(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)),
                           _mm256_slli_epi32(b, 16));
  };
  const __m256i codes16 = in_order(first, second);
  const __m256i up_first = _mm256_sllv_epi32(first, lifts),
                up_second = _mm256_sllv_epi32(second, lifts);
  const __m256i both = _mm256_add_epi32(up_first, up_second);
  __m128i high, low;
  const __m256i lifted = in_order(up_first, up_second);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(whole->of16), lifted);
  split(lifted, &high, &low);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(sums->high16), high);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(sums->low16), low);
  const __m128i both16 =
      _mm_packs_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(whole->of32), both16);
  split(_mm256_castsi128_si256(both16), &high, &low);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(sums->high32), high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(sums->low32), low);
  for (int i = 0; i < 2; ++i) {
    const __m256i sum =
        widen(i == 0 ? _mm256_castsi256_si128(codes16) : _mm256_extracti128_si256(codes16, 1));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(shift + 8 * i),
                        _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), sum), 5));
  }
  __m128i t = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  t = _mm_hadd_epi32(t, t);
  *total = _mm_cvtsi128_si32(t) + _mm_extract_epi32(t, 1);
}

}  // namespace

extern constinit const Kernel<Ctx> quantize_act_a8x256_avx2 =
    kernel<Op::quantize_act, quantize_rows<quantize_block>, row_items<QuantizeArgs>,
           single_item<QuantizeArgs>>("quantize/a8x256/avx2", DType::a8x256, DType::f32,
                                      isa::avx2 | isa::fma | isa::f16c, 20);

}  // namespace engine::cpu
