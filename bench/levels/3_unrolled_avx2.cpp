// Level 3: four blocks at a time. Their eight half scales become floats by one instruction and are
// multiplied with those of the activations by another; four sums of their own do not wait for each
// other. What remains: a block of weights is unpacked again for every column, and the eight lanes
// are added at the end of every dot.
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

constexpr int kUnroll = 4;

// d0 m0 d1 m1 d2 m2 d3 m3 of four blocks, from halves.
__m256 scales(const std::byte* w) {
  int32_t both[kUnroll];
  for (int u = 0; u < kUnroll; ++u) std::memcpy(&both[u], w + u * kBlockBytes, 4);
  return _mm256_cvtph_ps(_mm_setr_epi32(both[0], both[1], both[2], both[3]));
}

__m256 products(const std::byte* w, const int8_t* x) {
  const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return _mm256_cvtepi32_ps(
      _mm256_madd_epi16(_mm256_maddubs_epi16(nibbles(w + 4), q), _mm256_set1_epi16(1)));
}

float dot(const std::byte* row, const Column& x, int64_t k) {
  __m256 sum[kUnroll], offset = _mm256_setzero_ps();
  for (__m256& s : sum) s = _mm256_setzero_ps();
  const int64_t blocks = k / kBlock;
  int64_t b = 0;
  for (; b + kUnroll <= blocks; b += kUnroll) {
    const std::byte* w = row + b * kBlockBytes;
    const __m128 d = _mm_loadu_ps(x.d + b), dsum = _mm_loadu_ps(x.dsum + b);
    const __m256 of_x = _mm256_set_m128(_mm_unpackhi_ps(d, dsum), _mm_unpacklo_ps(d, dsum));
    const __m256 scaled = _mm256_mul_ps(scales(w), of_x);  // d dx, m dsum, d dx, ...
    offset = _mm256_add_ps(offset, scaled);
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u)
      sum[u] = _mm256_fmadd_ps(_mm256_permutevar8x32_ps(scaled, _mm256_set1_epi32(2 * u)),
                               products(w + u * kBlockBytes, x.q + (b + u) * kBlock), sum[u]);
  }
  offset = _mm256_blend_ps(offset, _mm256_setzero_ps(), 0x55);  // the odd lanes hold m dsum
  float rest = 0;
  for (; b < blocks; ++b) {
    const std::byte* w = row + b * kBlockBytes;
    sum[0] =
        _mm256_fmadd_ps(_mm256_set1_ps(half_at(w) * x.d[b]), products(w, x.q + b * kBlock), sum[0]);
    rest += half_at(w + 2) * x.dsum[b];
  }
  const __m256 all = _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3]));
  return sum_of(_mm256_add_ps(all, offset)) + rest;
}

void run(const Problem& p) {
  for (int64_t c = 0; c < p.n; ++c)
    for (int64_t r = 0; r < p.out; ++r)
      p.y[c * p.out + r] = dot(p.w + r * p.k / kBlock * kBlockBytes, column(p, c), p.k);
}

}  // namespace

extern const Level level_3{"3 unrolled", "four blocks share the work on scales",
                           isa::avx2 | isa::fma | isa::f16c, 0, run};

}  // namespace engine::bench
