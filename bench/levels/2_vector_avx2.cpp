// Level 2: a block at a time. maddubs multiplies 32 unsigned by 32 signed bytes and adds pairs into
// int16 (15 * 127 * 2 fits), madd adds pairs of those into int32; eight lanes become floats.
#include <immintrin.h>

#include <cstring>

#include "bench/levels/level.h"
#include "engine/core/cpu_features.h"

namespace engine::bench {
namespace {

float half_at(const std::byte* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return _cvtsh_ss(h);
}

// 16 bytes to 32 codes.
__m256i nibbles(const std::byte* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i both = _mm256_set_m128i(_mm_srli_epi16(v, 4), v);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

float sum_of(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

float dot(const std::byte* row, const Column& x, int64_t k) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 sum = _mm256_setzero_ps();
  float offset = 0;
  for (int64_t b = 0; b < k / kBlock; ++b, row += kBlockBytes) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.q + b * kBlock));
    const __m256i pairs = _mm256_madd_epi16(_mm256_maddubs_epi16(nibbles(row + 4), q), ones);
    sum = _mm256_fmadd_ps(_mm256_set1_ps(half_at(row) * x.d[b]), _mm256_cvtepi32_ps(pairs), sum);
    offset += half_at(row + 2) * x.dsum[b];
  }
  return sum_of(sum) + offset;
}

void run(const Problem& p) {
  for (int64_t c = 0; c < p.n; ++c)
    for (int64_t r = 0; r < p.out; ++r)
      p.y[c * p.out + r] = dot(p.w + r * p.k / kBlock * kBlockBytes, column(p, c), p.k);
}

}  // namespace

extern const Level level_2{"2 vector", "32 products per instruction",
                           isa::avx2 | isa::fma | isa::f16c, 0, run};

}  // namespace engine::bench
