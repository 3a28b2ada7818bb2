// Blocks of 256, a few columns on AVX2: a panel of 8 rows times N columns of a8x256, from packed bits;
// many columns in strip_k_avx2.h.
//
// What     y[8, N] = panel x columns, as tile_avx2.h
// Formula  as tile_k_avx512vnni.h. vpmaddwd multiplies with the integer scale while it widens, where
//          there is no shift, or where the sums of 16 bits can start from it (kNarrow)
// Range    sums of 16 bits as in tile_avx2.h; kNarrow with its shift: 4 * 4 * 127 * 2.
//          Minima: 2 words * 2 * 63 * 128 (q4_k, q5_k), 4 * 2 * 15 * 128 (q2_k) < 2^15
#pragma once

#include "kernels/cpu/matmul/strip_k_avx2.h"

namespace engine::cpu {
namespace {

// Minima of a row times sums of the activations of their sub-blocks (BlockSums at `sums`).
template <class C>
inline __m256i dot_minima(const __m256i* mins, const std::byte* sums) {
  constexpr int kHigh = C::kSub == 16 ? 0 : 32, kLow = kHigh + 4 * kMinWords<C>;  // in BlockSums
  __m256i high = _mm256_maddubs_epi16(mins[0], bytes4(sums + kHigh)),
          low = _mm256_maddubs_epi16(mins[0], bytes4(sums + kLow));
#pragma GCC unroll 4
  for (int i = 1; i < kMinWords<C>; ++i) {
    high = _mm256_add_epi16(high, _mm256_maddubs_epi16(mins[i], bytes4(sums + kHigh + 4 * i)));
    low = _mm256_add_epi16(low, _mm256_maddubs_epi16(mins[i], bytes4(sums + kLow + 4 * i)));
  }
  return _mm256_add_epi32(_mm256_madd_epi16(high, _mm256_set1_epi16(256)),
                          _mm256_madd_epi16(low, _mm256_set1_epi16(1)));
}

template <class C, int N>
void block_columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
                   float* y) noexcept {
  constexpr bool kScaled = kTwice<Vec256, C>;        // vpmaddwd applies the scale while it widens
  constexpr bool kBegun = kScaled && C::kZero != 0;  // sums of 16 bits start from the shifts
  constexpr int kSubs = 32 / C::kSub, kGroups = C::kSub / 4;
  static_assert(C::kZero == 0 || (C::kSub == 16 && C::kZero << kShiftDown<C> == 32));
  // of a column (a8x256.h)
  const int64_t d_at = k, lift_at = k + k / 32, sums_at = lift_at + k / 8,
                shift_at = sums_at + k / 256 * int64_t{sizeof(BlockSums)};
  const __m256i ones = _mm256_set1_epi16(1);
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) {
    x[c] = from[c];
    _mm256_storeu_ps(y + 8 * c, _mm256_setzero_ps());
  }
  const std::byte* panel = w[0];
  for (int64_t b = 0; b < k / 256; ++b, panel += kPanelBlock<Vec256, C>) {
    const typename C::Block block(panel);
    __m256i all[N];  // of the block
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) all[c] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int s = 0; s < 8; ++s) {  // shifts of the bits become constants
      const int64_t at = b * 8 + s;
      if (N >= kAheadMinCols<C>)
        prefetch_chunk<Vec256, C>(panel + s * (kPanelBlock<Vec256, C> / 8));
      Chunk<Vec256> wc;
      block.chunk(s, wc);
      __m256i sum[N];
#pragma GCC unroll 2
      for (int h = 0; h < kSubs; ++h) {
        __m256i part[N];
#pragma GCC unroll 8
        for (int g0 = h * kGroups; g0 < (h + 1) * kGroups; g0 += C::kDepth) {
          __m256i s16[1][N];
          const bool first = g0 == h * kGroups;
          if (kBegun && first)
#pragma GCC unroll 16
            for (int c = 0; c < N; ++c)
              s16[0][c] = _mm256_and_si256(
                  _mm256_srai_epi32(bytes4(x[c] + shift_at + (at * 2 + h) * 4), kShiftDown<C>),
                  _mm256_set1_epi32(0xffff));
          dot_groups<C::kDepth, 1, N>(&wc, g0, x, at * 32, kBegun && first, s16);
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c) {
            const __m256i s32 = _mm256_madd_epi16(s16[0][c], kScaled ? wc.ints[h] : ones);
            __m256i& to = kScaled ? sum[c] : part[c];
            to = first && (h == 0 || !kScaled) ? s32 : _mm256_add_epi32(to, s32);
            in_order(to);
          }
        }
        if (!kScaled)
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c) {
            if (C::kZero)
              part[c] = _mm256_add_epi32(part[c], bytes4(x[c] + shift_at + (at * 2 + h) * 4));
            const __m256i scaled = _mm256_mullo_epi32(part[c], wc.ints[h]);
            sum[c] = h == 0 ? scaled : _mm256_add_epi32(sum[c], scaled);
          }
      }
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c)
        all[c] =
            _mm256_add_epi32(all[c], _mm256_sllv_epi32(sum[c], bytes4(x[c] + lift_at + at * 4)));
      asm("" ::: "memory");  // in this order, or registers do not suffice
    }
    const Head<Vec256>& head = block.head();
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      __m256 v = _mm256_mul_ps(head.d, _mm256_cvtepi32_ps(all[c]));
      if constexpr (C::kMins)
        v = _mm256_fmadd_ps(head.dmin,
                            _mm256_cvtepi32_ps(dot_minima<C>(
                                head.mins, x[c] + sums_at + b * int64_t{sizeof(BlockSums)})),
                            v);
      float* to = y + 8 * c;
      _mm256_storeu_ps(to, _mm256_fmadd_ps(float1(x[c] + d_at + b * 4), v, _mm256_loadu_ps(to)));
      asm("" ::: "memory");  // one after the other: all at once would not fit the registers
    }
  }
}

template <class C, int N>
constexpr ColsFn kBlockDot = block_columns<C, N>;
template <class C, int N>
constexpr ColsFn kBlockTile = strip_columns<C, kTilePanels, N>;

template <class C>
constexpr Micro kAvx2BlockMicro{
    8,
    kAvx2Tile,
    StripK<C>::bytes,
    StripK<C>::unpack,
    {kBlockDot<C, 1>, kBlockDot<C, 2>, kBlockDot<C, 3>, kBlockDot<C, 4>, kBlockDot<C, 5>,
     kBlockDot<C, 6>, kBlockDot<C, 7>, kBlockDot<C, 8>},
    {nullptr, nullptr, kBlockTile<C, 3>, kBlockTile<C, 4>}};

template <template <class> class C>
consteval Kernel<Ctx> avx2_block_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec256>::kType;
  return matmul_kernel(id, op, kType, DType::a8x256, kAvx2Needs, 20, driver_avx2,
                       Panels<kType, 8>::kPack, kAvx2BlockMicro<C<Vec256>>);
}

}  // namespace
}  // namespace engine::cpu
