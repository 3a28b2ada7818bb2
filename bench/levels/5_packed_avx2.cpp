// Level 5: panels of 8 rows, packed when the model is loaded,
// so that a lane of the register is a row:
//   per block of 32: 8 half d | 8 half m | 4 x 32 bytes, byte 4 r + i of the g-th: low nibble =
//   weight 4 g + i of row r, high nibble = weight 16 + 4 g + i
// Four activations are broadcast to all lanes. No sums over lanes are
// left, scales are vectors, and eight products of bytes can be added
// in int16 (8 * 2 * 15 * 127 fits) before one madd widens them.
#include <immintrin.h>

#include <cstring>

#include "bench/levels/level.h"
#include "engine/core/cpu_features.h"

namespace engine::bench {
namespace {

constexpr int kRows = 8;

__m256 halves(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

__m256i four(const int8_t* q) {
  int32_t v;
  std::memcpy(&v, q, 4);
  return _mm256_set1_epi32(v);
}

template <int kCols>
void tile(const Problem& p, const std::byte* panel, int64_t r0, int64_t c0) {
  const __m256i ones = _mm256_set1_epi16(1), low = _mm256_set1_epi8(15);
  Column x[kCols];
  __m256 sum[kCols];
  for (int c = 0; c < kCols; ++c) x[c] = column(p, c0 + c), sum[c] = _mm256_setzero_ps();
  for (int64_t b = 0; b < p.k / kBlock; ++b, panel += kRows * kBlockBytes) {
    __m256i integer[kCols];
    for (int c = 0; c < kCols; ++c) integer[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      const __m256i v =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + 4 * kRows + 32 * g));
      const __m256i lo = _mm256_and_si256(v, low),
                    hi = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
#pragma GCC unroll 4
      for (int c = 0; c < kCols; ++c) {
        const int8_t* q = x[c].q + b * kBlock + 4 * g;
        integer[c] = _mm256_add_epi16(integer[c], _mm256_maddubs_epi16(lo, four(q)));
        integer[c] = _mm256_add_epi16(integer[c], _mm256_maddubs_epi16(hi, four(q + 16)));
      }
    }
    const __m256 d = halves(panel), m = halves(panel + 2 * kRows);
#pragma GCC unroll 4
    for (int c = 0; c < kCols; ++c) {
      const __m256 f = _mm256_cvtepi32_ps(_mm256_madd_epi16(integer[c], ones));
      sum[c] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x[c].d[b])), f, sum[c]);
      sum[c] = _mm256_fmadd_ps(m, _mm256_set1_ps(x[c].dsum[b]), sum[c]);
    }
  }
  for (int c = 0; c < kCols; ++c) _mm256_storeu_ps(p.y + (c0 + c) * p.out + r0, sum[c]);
}

// Requires: out is a multiple of 8.
void run(const Problem& p) {
  for (int64_t r = 0; r < p.out; r += kRows) {
    const std::byte* panel = p.w + r * p.k / kBlock * kBlockBytes;
    int64_t c = 0;
    for (; c + 4 <= p.n; c += 4) tile<4>(p, panel, r, c);
    for (; c < p.n; ++c) tile<1>(p, panel, r, c);
  }
}

}  // namespace

extern const Level level_5{"5 packed", "panels: a lane is a row", isa::avx2 | isa::fma | isa::f16c,
                           kRows, run};

}  // namespace engine::bench
