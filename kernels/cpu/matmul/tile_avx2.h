// One panel of 8 rows times N columns of a8x32 (or f32) on AVX2; the same code for packed bits and
// for strips (codec.h).
//
// What     y[8, N] = panel x columns; vpmaddubsw multiplies w[g] (4 codes of each row) with the
//          same four activations in every lane and adds pairs into 16 bits; kDepth such sums are
//          added before vpmaddwd widens them to the integer sum of a row: no shuffles
// Formula  as tile_avx512vnni.h. Integer scales are applied by vpmaddwd instead of ones where there
//          is no shift, or where the sums of 16 bits can start from it (kNarrow)
// Range    |sum of two products| <= 2 * code * 127: 16 bits hold 8 of them for 4-bit codes, 4 for 5
//          bits, 2 for 6 bits. Signed 8-bit codes (kDepth 1) go in as |w| and sign(q, w):
//          2 * 128 * 127 still fits, and q is never -128
// Tiles    8 rows x 8 columns: 8 sums of 16 bits, weight, broadcast and product in 16 registers;
//          float sums go through L1
//          per 32 k and column 8 vpmaddubsw + 7 vpaddw + 1 vpmaddwd + 8 broadcast loads
//          (4-bit codes)
// Bound    the same chain with one vpmaddwd per product (kDepth 1) peaks at 99 GMAC/s per core
//          on Zen 4
// Measured GMAC/s per core, 252 columns: 4 bits 111-117, 5 bits 107, 2-3 bits 94, 6 bits 81,
//          signed 8 bits 63
#pragma once

#include "kernels/cpu/matmul/codec_32.h"
#include "kernels/cpu/matmul/codec_k.h"
#include "kernels/cpu/matmul/float_tile.h"
#include "kernels/cpu/matmul/vec_avx2.h"

namespace engine::cpu {
namespace {

constexpr uint64_t kAvx2Needs = isa::avx2 | isa::fma | isa::f16c;
constexpr int kAvx2Tile = 8;

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

template <class C, class Source, int N>
void columns(const std::byte* w, int64_t k, const Cols& cols, float* y) noexcept {
  constexpr bool kScaled = kTwice<Vec256, C>;     // vpmaddwd applies the scale while it widens
  constexpr bool kPairs = kScaled && C::kNarrow;  // and sums of 16 bits start from the shifts
  constexpr int kSub = kPairs ? 32 : C::kSub, kSubs = 32 / kSub;
  constexpr int kMins = C::kMinSub ? kSub / C::kMinSub : 0;  // of a sub-block
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 acc[N], inner[N];  // inner: of a block, not yet times its float
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) acc[c] = inner[c] = _mm256_setzero_ps(), x[c] = cols.x[c];
  const int64_t sums = k + k / 32 * (C::kMinSub == 16 ? 8 : 4);  // of a column: dsum or dsum16
  int64_t at = 0;                                                // k / 32
  Source source(w, k);
  const auto chunk = [&](const Chunk<Vec256>& wc, const std::byte* from)
      __attribute__((always_inline)) {
    if (Source::kPacked && (N >= 5 || C::kSub == 16))
#pragma GCC unroll 16
      for (int b = 0; b < kPanelBlock<Vec256, C> / kChunks<C>; b += 64)
        __builtin_prefetch(from + kAhead + b);
#pragma GCC unroll 2
    for (int h = 0; h < kSubs; ++h) {
      __m256i sum[N];
#pragma GCC unroll 8
      for (int g0 = h * kSub / 4; g0 < (h + 1) * kSub / 4; g0 += C::kDepth) {
        __m256i s16[N];
        const int sub = g0 * 4 / C::kSub;
        const bool shifted = kPairs && C::kZero != 0 && g0 * 4 % C::kSub == 0;
        if (shifted)
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c)
            s16[c] = _mm256_set1_epi32(cols.shift[c][at * 2 + sub] & 0xffff);
#pragma GCC unroll 8
        for (int g = g0; g < g0 + C::kDepth; ++g) {
          const __m256i magnitude = C::kDepth == 1 ? _mm256_abs_epi8(wc.w[g]) : wc.w[g];
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c) {
            __m256i q = bytes4(x[c] + at * 32 + g * 4);
            if (C::kDepth == 1) q = _mm256_sign_epi8(q, wc.w[g]);
            const __m256i product = _mm256_maddubs_epi16(magnitude, q);
            s16[c] = g == g0 && !shifted ? product : _mm256_add_epi16(s16[c], product);
            in_order(s16[c]);
          }
        }
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) {
          const __m256i s32 = _mm256_madd_epi16(s16[c], kScaled ? wc.ints[sub] : ones);
          sum[c] = g0 * 4 % kSub == 0 ? s32 : _mm256_add_epi32(sum[c], s32);
          in_order(sum[c]);
        }
      }
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        if (C::kZero && !kPairs)
          sum[c] = _mm256_add_epi32(sum[c], _mm256_set1_epi32(cols.shift[c][at * kSubs + h]));
        if (C::kInts && !kScaled) sum[c] = _mm256_mullo_epi32(sum[c], wc.ints[h]);
        const __m256 d = float1(x[c] + k + at * 4), v = _mm256_cvtepi32_ps(sum[c]);
        if (C::kInts)
          inner[c] = _mm256_fmadd_ps(d, v, inner[c]);
        else
          acc[c] = _mm256_fmadd_ps(_mm256_mul_ps(wc.scale[h], d), v, acc[c]);
#pragma GCC unroll 2
        for (int m = h * kMins; m < (h + 1) * kMins; ++m)
          acc[c] = _mm256_fmadd_ps(wc.min[m], float1(x[c] + sums + (at * kMins * kSubs + m) * 4),
                                   acc[c]);
      }
    }
    ++at;
    if (C::kInts && at % kChunks<C> == 0)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c)
        acc[c] = _mm256_fmadd_ps(wc.scale[0], inner[c], acc[c]), inner[c] = _mm256_setzero_ps();
  };
  while (at * 32 < k) source.block(chunk);
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) _mm256_storeu_ps(y + 8 * c, acc[c]);
}

template <class C, int N>
constexpr ColsFn kDot = columns<C, PackedSource<Vec256, C>, N>;
template <class C, int N>
constexpr ColsFn kTile = columns<C, StripSource<Vec256, C>, N>;

template <class C>
constexpr Micro kAvx2Micro{
    8,
    kAvx2Tile,
    kDotShift<C>,
    kStripShift<Vec256, C>,
    Strip<Vec256, C>::bytes,
    Strip<Vec256, C>::unpack,
    {kDot<C, 1>, kDot<C, 2>, kDot<C, 3>, kDot<C, 4>, kDot<C, 5>, kDot<C, 6>, kDot<C, 7>,
     kDot<C, 8>},
    {nullptr, nullptr, nullptr, kTile<C, 4>, kTile<C, 5>, kTile<C, 6>, kTile<C, 7>, kTile<C, 8>}};

template <template <class> class C>
consteval Kernel<Ctx> avx2_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec256>::kType;
  return matmul_kernel(id, op, kType, DType::a8x32, kAvx2Needs, 20, driver_avx2,
                       Panels<kType, 8>::kPack, kAvx2Micro<C<Vec256>>);
}

template <class T, int N>
constexpr ColsFn kFloat = float_columns<Vec256, T, N>;

template <class T>
constexpr Micro kFloatMicro{8,
                            8,
                            {},
                            {},
                            nullptr,
                            nullptr,
                            {kFloat<T, 1>, kFloat<T, 2>, kFloat<T, 3>, kFloat<T, 4>, kFloat<T, 5>,
                             kFloat<T, 6>, kFloat<T, 7>, kFloat<T, 8>},
                            {}};

template <template <class> class T>
consteval Kernel<Ctx> avx2_float_kernel(const char* id, Op op) {
  constexpr DType kType = T<Vec256>::kType;
  return matmul_kernel(id, op, kType, DType::f32, kAvx2Needs, 20, driver_avx2,
                       Panels<kType, 8>::kPack, kFloatMicro<T<Vec256>>);
}

}  // namespace
}  // namespace engine::cpu
