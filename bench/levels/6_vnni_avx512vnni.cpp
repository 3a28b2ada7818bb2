// Level 6: 16 rows per panel and vpdpbusd, which multiplies and adds four bytes into each int32 in
// one instruction: no int16 step, no madd. Eight columns share an unpacked block. The next panel is
// on its way from memory while this one is computed.
#include <immintrin.h>

#include <cstring>

#include "bench/levels/level.h"
#include "engine/core/cpu_features.h"

namespace engine::bench {
namespace {

constexpr int kRows = 16;
constexpr int64_t kAhead = 2048;  // bytes

__m512 halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

__m512i four(const int8_t* q) {
  int32_t v;
  std::memcpy(&v, q, 4);
  return _mm512_set1_epi32(v);
}

template <int kCols>
void tile(const Problem& p, const std::byte* panel, int64_t r0, int64_t c0) {
  const __m512i low = _mm512_set1_epi8(15);
  Column x[kCols];
  __m512 sum[kCols];
  for (int c = 0; c < kCols; ++c) x[c] = column(p, c0 + c), sum[c] = _mm512_setzero_ps();
  for (int64_t b = 0; b < p.k / kBlock; ++b, panel += kRows * kBlockBytes) {
    __m512i integer[kCols];
    for (int c = 0; c < kCols; ++c) integer[c] = _mm512_setzero_si512();
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i)
      _mm_prefetch(reinterpret_cast<const char*>(panel) + kAhead + 64 * i, _MM_HINT_T0);
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      const __m512i v = _mm512_loadu_si512(panel + 4 * kRows + 64 * g);
      const __m512i lo = _mm512_and_si512(v, low),
                    hi = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        const int8_t* q = x[c].q + b * kBlock + 4 * g;
        integer[c] = _mm512_dpbusd_epi32(integer[c], lo, four(q));
        integer[c] = _mm512_dpbusd_epi32(integer[c], hi, four(q + 16));
      }
    }
    const __m512 d = halves(panel), m = halves(panel + 2 * kRows);
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(x[c].d[b]));
      sum[c] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(integer[c]), sum[c]);
      sum[c] = _mm512_fmadd_ps(m, _mm512_set1_ps(x[c].dsum[b]), sum[c]);
    }
  }
  for (int c = 0; c < kCols; ++c) _mm512_storeu_ps(p.y + (c0 + c) * p.out + r0, sum[c]);
}

// Requires: out is a multiple of 16.
void run(const Problem& p) {
  for (int64_t r = 0; r < p.out; r += kRows) {
    const std::byte* panel = p.w + r * p.k / kBlock * kBlockBytes;
    int64_t c = 0;
    for (; c + 8 <= p.n; c += 8) tile<8>(p, panel, r, c);
    for (; c < p.n; ++c) tile<1>(p, panel, r, c);
  }
}

}  // namespace

extern const Level level_6{"6 vnni", "16 rows, one instruction, prefetch",
                           isa::avx512 | isa::avx512vnni, kRows, run};

}  // namespace engine::bench
