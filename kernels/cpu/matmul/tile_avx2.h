// Blocks of 32: panels of 8 rows times N columns of a8x32 (or f32) on AVX2; the same code for packed
// bits and for strips (codec_32.h).
//
// What     y[8, N] = panel x columns; vpmaddubsw multiplies w[g] (4 codes of each row) with the
//          same four activations in every lane and adds pairs into 16 bits; kDepth such sums are
//          added before vpmaddwd widens them to the integer sum of a row: no shuffles
// Formula  as tile_avx512vnni.h
// Range    |sum of two products| <= 2 * code * 127: 16 bits hold 8 of them for 4-bit codes, 4 for 5
//          bits, 2 for 6 bits. Signed 8-bit codes (kDepth 1) go in as |w| and sign(q, w):
//          2 * 128 * 127 still fits, and q is never -128
// Tiles    2 x 8 rows x 4 columns: 8 sums of 16 bits, weights, broadcast and product in 16 registers;
//          float sums go through L1
//          per 32 k and column 8 vpmaddubsw + 7 vpaddw + 1 vpmaddwd + 8 broadcast loads
//          (4-bit codes)
// Bound    the same chain with one vpmaddwd per product (kDepth 1) peaks at 99 GMAC/s per core
//          on Zen 4
// Measured GMAC/s per core, 512 columns: 4 bits 124-126, 5 bits 103-122, signed 8 bits 64
#pragma once

#include "kernels/cpu/matmul/codec_32.h"
#include "kernels/cpu/matmul/float_tile.h"
#include "kernels/cpu/matmul/vec_avx2.h"

namespace engine::cpu {
namespace {

constexpr uint64_t kAvx2Needs = isa::avx2 | isa::fma | isa::f16c;
constexpr int kAvx2Tile = 4;

inline __m256i bytes4(const std::byte* p) {
  int32_t v;
  std::memcpy(&v, p, 4);
  return _mm256_set1_epi32(v);
}
inline __m256 float1(const std::byte* p) {
  float v;
  std::memcpy(&v, p, 4);
  return _mm256_set1_ps(v);
}

// Keeps the compiler from adding products as a tree:
// all of them would be live at once, and half of them spilled.
inline void in_order(__m256i& v) {
  asm("" : "+x"(v));
}

// sum[r][c] = codes of kDepth groups of panel r from g0 on times activations, which start at
// x[c] + offset, in 16-bit halves; begun: it is a sum already.
template <int kDepth, int R, int N, class Chunks>
__attribute__((always_inline)) inline void dot_groups(const Chunks* chunk, int g0,
                                                      const std::byte* const* x, int64_t offset,
                                                      bool begun, __m256i (*sum)[N]) {
#pragma GCC unroll 8
  for (int g = g0; g < g0 + kDepth; ++g)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      const __m256i q = bytes4(x[c] + offset + g * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        const __m256i w = chunk[r].w[g];
        const __m256i product =
            kDepth == 1 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w))
                        : _mm256_maddubs_epi16(w, q);
        sum[r][c] = g == g0 && !begun ? product : _mm256_add_epi16(sum[r][c], product);
        in_order(sum[r][c]);
      }
    }
}

template <class C, class Source, int R, int N>
void columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
             float* y) noexcept {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 acc[R][N];
  const std::byte* x[N];
  Source source[R];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) {
    source[r] = Source(w[r], k);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) acc[r][c] = _mm256_setzero_ps(), x[c] = from[c];
  }
  const int64_t d_at = k, dsum_at = k + k / 8, shift_at = k + k / 4;
  for (int64_t b = 0; b < k / 32; ++b) {
    Chunk32<Vec256> wc[R];
    __m256i sum[R][N];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      if (Source::kPacked && N >= kAheadMinCols<C>) prefetch_chunk<Vec256, C>(source[r].at());
      source[r].next(wc[r]);
    }
#pragma GCC unroll 8
    for (int g0 = 0; g0 < 8; g0 += C::kDepth) {
      __m256i s16[R][N];
      dot_groups<C::kDepth, R, N>(wc, g0, x, b * 32, false, s16);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) {
          const __m256i s32 = _mm256_madd_epi16(s16[r][c], ones);
          sum[r][c] = g0 == 0 ? s32 : _mm256_add_epi32(sum[r][c], s32);
          in_order(sum[r][c]);
        }
    }
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      const __m256 d = float1(x[c] + d_at + b * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        if constexpr (C::kZero != 0) {  // shift is -128 * sum of the activations
          constexpr int kDown = C::kZero == 16 ? 3 : 4;
          static_assert(C::kZero << kDown == 128);
          sum[r][c] = _mm256_add_epi32(sum[r][c],
                                       _mm256_srai_epi32(bytes4(x[c] + shift_at + b * 4), kDown));
        }
        acc[r][c] = _mm256_fmadd_ps(_mm256_mul_ps(wc[r].scale, d), _mm256_cvtepi32_ps(sum[r][c]),
                                    acc[r][c]);
        if (C::kMin)
          acc[r][c] = _mm256_fmadd_ps(wc[r].min, float1(x[c] + dsum_at + b * 4), acc[r][c]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) _mm256_storeu_ps(y + 8 * (r * N + c), acc[r][c]);
}

template <class C, int N>
constexpr ColsFn kDot = columns<C, PackedSource32<Vec256, C>, 1, N>;
template <class C, int N>
constexpr ColsFn kTile = columns<C, StripSource32<Vec256, C>, kTilePanels, N>;

template <class C>
constexpr Micro kAvx2Micro{8,
                           kAvx2Tile,
                           Strip32<Vec256, C>::bytes,
                           Strip32<Vec256, C>::unpack,
                           {kDot<C, 1>, kDot<C, 2>, kDot<C, 3>, kDot<C, 4>, kDot<C, 5>, kDot<C, 6>,
                            kDot<C, 7>, kDot<C, 8>},
                           {nullptr, nullptr, kTile<C, 3>, kTile<C, 4>}};

template <template <class> class C>
consteval Kernel<Ctx> avx2_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec256>::kType;
  return matmul_kernel(id, op, kType, DType::a8x32, kAvx2Needs, 20, driver_avx2,
                       Panels<kType, 8>::kPack, kAvx2Micro<C<Vec256>>);
}

template <class T, int R, int N>
constexpr ColsFn kFloat = float_columns<Vec256, T, R, N>;

template <class T>
constexpr Micro kFloatMicro{8,
                            kAvx2Tile,
                            nullptr,
                            nullptr,
                            {kFloat<T, 1, 1>, kFloat<T, 1, 2>, kFloat<T, 1, 3>, kFloat<T, 1, 4>,
                             kFloat<T, 1, 5>, kFloat<T, 1, 6>, kFloat<T, 1, 7>, kFloat<T, 1, 8>},
                            {nullptr, nullptr, kFloat<T, 2, 3>, kFloat<T, 2, 4>}};

template <template <class> class T>
consteval Kernel<Ctx> avx2_float_kernel(const char* id, Op op) {
  constexpr DType kType = T<Vec256>::kType;
  return matmul_kernel(id, op, kType, DType::f32, kAvx2Needs, 20, driver_avx2,
                       Panels<kType, 8>::kPack, kFloatMicro<T<Vec256>>);
}

}  // namespace
}  // namespace engine::cpu
