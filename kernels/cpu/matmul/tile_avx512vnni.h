// One panel of 16 rows times N columns of a8x32 (or f32) on AVX-512 VNNI; the same code for packed
// bits and for strips (codec.h).
//
// What     y[16, N] = panel x columns; vpdpbusd multiplies w[g] (4 codes of each row) with the same
//          four activations in every lane, so a lane ends up with the integer sum of its row: no
//          shuffles, no horizontal sums
// Formula  per output and sub-block, ascending, s = shift + sum code * q, shift = -zero * sum q:
//          float scales:            acc = fma(scale * d, float(s), acc)
//          integer scales (kInts):  inner = fma(d, float(scale * s), inner),
//                                   and at the end of each block
//                                   acc = fma(float of the block, inner, acc);
//          types with a minimum:    acc = fma(min, d * sum q, acc)
//          kNarrow types add the two scaled sums of 32 as integers; in a strip their codes are
//          multiplied already: the same integer
// Range    |s| <= 32 * 255 * 127 < 2^21, times a scale of 7 bits < 2^28. kNarrow: 16 * 3 * 127
//          (q2_k), 16 * 4 * 127 (q3_k) < 2^15, so that vpmaddwd can multiply the sums
// Tiles    16 rows x 12 columns: 12 integer + 12 float sums, weight, scale, minimum and broadcasts
//          in 32 registers; 9 columns where inner sums need registers too
//          per 32 k and column 8 vpdpbusd + 1 fma (kInts; 2 without) + 1 per minimum on the two
//          multiply pipes
// Bound    int8 peak of one Zen 4 core 228 GMAC/s, times 8 / (8 + those)
#pragma once

#include "kernels/cpu/matmul/codec_32.h"
#include "kernels/cpu/matmul/codec_k.h"
#include "kernels/cpu/matmul/float_tile.h"
#include "kernels/cpu/matmul/vec_avx512.h"

namespace engine::cpu {
namespace {

constexpr uint64_t kVnniNeeds = isa::avx2 | isa::fma | isa::f16c | isa::avx512 | isa::avx512vnni;
constexpr int kVnniTile = 12, kNestedTile = 9;

// From so many columns on a core computes longer on a block than it looks ahead, and packed bits
// must be asked for early; so must those of types whose fields lie far apart in a block (one column
// of q6_k: 7 GB/s without, 28 with).
constexpr int kAheadMinCols = 5;

inline __m512i bytes4(const std::byte* p) {
  int32_t v;
  std::memcpy(&v, p, 4);
  return _mm512_set1_epi32(v);
}
inline __m512 float1(const std::byte* p) {
  float v;
  std::memcpy(&v, p, 4);
  return _mm512_set1_ps(v);
}

// sum[c] = first + codes of the groups [g0, g1) times activations; first: the c-th shift, or 0.
template <bool kShifted, int N>
__attribute__((always_inline)) inline void dot_groups(const Chunk<Vec512>& wc, int g0, int g1,
                                                      const std::byte* const* x, int64_t offset,
                                                      const Cols& cols, int64_t shift,
                                                      __m512i* sum) {
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c)
    sum[c] = kShifted ? _mm512_set1_epi32(cols.shift[c][shift]) : _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int g = g0; g < g1; ++g)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
      sum[c] = _mm512_dpbusd_epi32(sum[c], wc.w[g], bytes4(x[c] + offset + g * 4));
}

template <class C, class Source, int N>
void columns(const std::byte* w, int64_t k, const Cols& cols, float* y) noexcept {
  constexpr bool kPairs = C::kNarrow && Source::kPacked;   // two sums of 16 in one multiply
  constexpr bool kWhole = C::kNarrow && !Source::kPacked;  // codes have their scales in them
  constexpr int kSub = C::kNarrow ? 32 : C::kSub, kSubs = 32 / kSub, kGroups = kSub / 4;
  constexpr int kMins = C::kMinSub ? kSub / C::kMinSub : 0;  // of a sub-block
  constexpr bool kShifted = (Source::kPacked ? kDotShift<C> : kStripShift<Vec512, C>).zero != 0;
  __m512 acc[N], inner[N];  // inner: of a block, not yet times its float
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) acc[c] = inner[c] = _mm512_setzero_ps(), x[c] = cols.x[c];
  const int64_t sums = k + k / 32 * (C::kMinSub == 16 ? 8 : 4);  // of a column: dsum or dsum16
  int64_t at = 0;                                                // k / 32
  Source source(w, k);
  const auto chunk = [&](const Chunk<Vec512>& wc, const std::byte* from)
      __attribute__((always_inline)) {
    if (Source::kPacked && (N >= kAheadMinCols || C::kSub == 16))
#pragma GCC unroll 16
      for (int b = 0; b < kPanelBlock<Vec512, C> / kChunks<C>; b += 64)
        __builtin_prefetch(from + kAhead + b);
#pragma GCC unroll 2
    for (int h = 0; h < kSubs; ++h) {
      __m512i sum[N];
      if constexpr (kPairs) {
        __m512i high[N];
        dot_groups<kShifted, N>(wc, 0, 4, x, at * 32, cols, at * 2, sum);
        dot_groups<kShifted, N>(wc, 4, 8, x, at * 32, cols, at * 2 + 1, high);
        const __m512i scales = _mm512_mask_blend_epi16(0xaaaaaaaau, wc.ints[0], wc.ints[1]);
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c)
          sum[c] = _mm512_madd_epi16(
              _mm512_mask_blend_epi16(0xaaaaaaaau, sum[c], _mm512_slli_epi32(high[c], 16)), scales);
      } else {
        dot_groups<kShifted, N>(wc, h * kGroups, (h + 1) * kGroups, x, at * 32, cols,
                                at * kSubs + h, sum);
      }
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const __m512 d = float1(x[c] + k + at * 4);
        if (C::kInts && !kPairs && !kWhole) sum[c] = _mm512_mullo_epi32(sum[c], wc.ints[h]);
        const __m512 v = _mm512_cvtepi32_ps(sum[c]);
        if (C::kInts)
          inner[c] = _mm512_fmadd_ps(d, v, inner[c]);
        else
          acc[c] = _mm512_fmadd_ps(_mm512_mul_ps(wc.scale[h], d), v, acc[c]);
#pragma GCC unroll 2
        for (int m = h * kMins; m < (h + 1) * kMins; ++m)
          acc[c] = _mm512_fmadd_ps(wc.min[m], float1(x[c] + sums + (at * kMins * kSubs + m) * 4),
                                   acc[c]);
      }
    }
    ++at;
    if (C::kInts && at % kChunks<C> == 0)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c)
        acc[c] = _mm512_fmadd_ps(wc.scale[0], inner[c], acc[c]), inner[c] = _mm512_setzero_ps();
  };
  while (at * 32 < k) source.block(chunk);
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) _mm512_storeu_ps(y + 16 * c, acc[c]);
}

template <class C, int N>
constexpr ColsFn kDot = columns<C, PackedSource<Vec512, C>, N>;
template <class C, int N>
constexpr ColsFn kTile = columns<C, StripSource<Vec512, C>, N>;

template <class C>
constexpr Micro kVnniMicro{
    16,
    C::kInts ? kNestedTile : kVnniTile,
    kDotShift<C>,
    kStripShift<Vec512, C>,
    Strip<Vec512, C>::bytes,
    Strip<Vec512, C>::unpack,
    {kDot<C, 1>, kDot<C, 2>, kDot<C, 3>, kDot<C, 4>, kDot<C, 5>, kDot<C, 6>, kDot<C, 7>,
     kDot<C, 8>},
    {nullptr, nullptr, nullptr, nullptr, kTile<C, 5>, kTile<C, 6>, kTile<C, 7>, kTile<C, 8>,
     kTile<C, 9>, kTile<C, 10>, kTile<C, 11>, kTile<C, 12>}};

template <template <class> class C>
consteval Kernel<Ctx> vnni_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec512>::kType;
  return matmul_kernel(id, op, kType, DType::a8x32, kVnniNeeds, 40, driver_avx512vnni,
                       Panels<kType, 16>::kPack, kVnniMicro<C<Vec512>>);
}

template <class T, int N>
constexpr ColsFn kFloat = float_columns<Vec512, T, N>;

template <class T>
constexpr Micro kFloatMicro{
    16,
    kVnniTile,
    {},
    {},
    nullptr,
    nullptr,
    {kFloat<T, 1>, kFloat<T, 2>, kFloat<T, 3>, kFloat<T, 4>, kFloat<T, 5>, kFloat<T, 6>,
     kFloat<T, 7>, kFloat<T, 8>, kFloat<T, 9>, kFloat<T, 10>, kFloat<T, 11>, kFloat<T, 12>},
    {}};

template <template <class> class T>
consteval Kernel<Ctx> vnni_float_kernel(const char* id, Op op) {
  constexpr DType kType = T<Vec512>::kType;
  return matmul_kernel(id, op, kType, DType::f32, kVnniNeeds, 40, driver_avx512vnni,
                       Panels<kType, 16>::kPack, kFloatMicro<T<Vec512>>);
}

}  // namespace
}  // namespace engine::cpu
