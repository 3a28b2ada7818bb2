// Level 4: a tile of 2 rows and 4 columns (a single column gains nothing from it). A block
// of weights is unpacked once for four columns, a block of activations is loaded once for two rows:
// more products per load and per unpacking. Eight sums of floats stay in registers.
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

template <int kRows, int kCols>
void tile(const Problem& p, int64_t r0, int64_t c0) {
  const __m256i ones = _mm256_set1_epi16(1);
  const int64_t row_bytes = p.k / kBlock * kBlockBytes;
  Column x[kCols];
  __m256 sum[kRows][kCols];
  float offset[kRows][kCols] = {};
  for (int c = 0; c < kCols; ++c) {
    x[c] = column(p, c0 + c);
    for (int r = 0; r < kRows; ++r) sum[r][c] = _mm256_setzero_ps();
  }
  for (int64_t b = 0; b < p.k / kBlock; ++b) {
    __m256i w[kRows];
    float d[kRows], m[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const std::byte* block = p.w + (r0 + r) * row_bytes + b * kBlockBytes;
      w[r] = nibbles(block + 4), d[r] = half_at(block), m[r] = half_at(block + 2);
    }
#pragma GCC unroll 4
    for (int c = 0; c < kCols; ++c) {
      const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x[c].q + b * kBlock));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i pairs = _mm256_madd_epi16(_mm256_maddubs_epi16(w[r], q), ones);
        sum[r][c] =
            _mm256_fmadd_ps(_mm256_set1_ps(d[r] * x[c].d[b]), _mm256_cvtepi32_ps(pairs), sum[r][c]);
        offset[r][c] += m[r] * x[c].dsum[b];
      }
    }
  }
  for (int c = 0; c < kCols; ++c)
    for (int r = 0; r < kRows; ++r)
      p.y[(c0 + c) * p.out + r0 + r] = sum_of(sum[r][c]) + offset[r][c];
}

// Requires: out is a multiple of 2.
void run(const Problem& p) {
  const int64_t tiled = p.n / 4 * 4;
  for (int64_t r = 0; r < p.out; r += 2) {
    for (int64_t c = 0; c < tiled; c += 4) tile<2, 4>(p, r, c);
    for (int64_t c = tiled; c < p.n; ++c) tile<1, 1>(p, r, c), tile<1, 1>(p, r + 1, c);
  }
}

}  // namespace

extern const Level level_4{"4 blocked", "tiles of 2 rows x 4 columns",
                           isa::avx2 | isa::fma | isa::f16c, 0, run};

}  // namespace engine::bench
