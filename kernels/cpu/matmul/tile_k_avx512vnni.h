// Blocks of 256: panels of 16 rows times N columns of a8x256 on AVX-512 VNNI; the same code for packed
// bits and for strips (codec_k.h).
//
// What     y[16, N] = panel x columns, as tile_avx512vnni.h
// Formula  per output and sub-block s = -zero * sum q + sum code * q; per block, all in integers,
//          S = sum of (scale * s << lift), M = sum of minimum * (sum of q << lift);
//          per block, ascending: acc = fma(d of the column, d * float(S) + dmin * float(M), acc)
//          strips of kNarrow types hold scale * code
// Range    |S| <= 256 * 32 * 128 * 127 * 8 < 2^30 (q6_k, iq4_xs), |M| <= 8 * 63 * 32512 < 2^24.
//          kNarrow: 16 * 3 * 127 (q2_k), 16 * 4 * 127 (q3_k) < 2^15, so that vpmaddwd can multiply
//          the sums of two sub-blocks
// Tiles    2 x 16 rows x 6 columns: 12 sums of a sub-block + 12 of the block in registers; float sums
//          are added to y once per block
//          per 256 k and column 64 vpdpbusd + 8 or 16 vpmulld (on another pipe as well; none in
//          strips of kNarrow types) + 4 or 8 vpdpbusd for minima + 2 or 3 float operations
// Bound    int8 peak of one Zen 4 core 228 GMAC/s, times 64 / (64 + those on the two pipes)
#pragma once

#include "kernels/cpu/matmul/codec_k.h"
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {
namespace {

constexpr __mmask32 kOdd = 0xaaaaaaaau;

inline int32_t total(const std::byte* p) {
  int32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

// What the products of a sub-block start from: -kZero * sum of its activations, made from the shifts
// of a8x256 (-32 * sum of 16) at `shift`.
template <class C>
inline __m512i start(const std::byte* shift) {
  if constexpr (C::kZero == 0) {
    return _mm512_setzero_si512();
  } else if constexpr (C::kSub == 32) {
    static_assert(C::kZero == 128);
    return _mm512_slli_epi32(_mm512_add_epi32(bytes4(shift), bytes4(shift + 4)), 2);
  } else {
    return C::kZero == 32 ? bytes4(shift) : _mm512_srai_epi32(bytes4(shift), kShiftDown<C>);
  }
}
template <class C, int R, int N>
__attribute__((always_inline)) inline void start_all(const std::byte* const* x, int64_t at,
                                                     __m512i (*sum)[N]) {
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) {
    const __m512i from = start<C>(x[c] + at);
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) sum[r][c] = from;
  }
}

// Minima of the rows times sums of the activations of their sub-blocks (BlockSums at `sums`).
template <class C, int R>
__attribute__((always_inline)) inline void dot_minima(const Head<Vec512>* heads,
                                                      const std::byte* sums, __m512i* total) {
  constexpr int kHigh = C::kSub == 16 ? 0 : 32, kLow = kHigh + 4 * kMinWords<C>;  // in BlockSums
  __m512i low[R];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) total[r] = low[r] = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (int i = 0; i < kMinWords<C>; ++i) {
    const __m512i h = bytes4(sums + kHigh + 4 * i), l = bytes4(sums + kLow + 4 * i);
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      total[r] = _mm512_dpbusd_epi32(total[r], heads[r].mins[i], h);
      low[r] = _mm512_dpbusd_epi32(low[r], heads[r].mins[i], l);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) total[r] = _mm512_add_epi32(_mm512_slli_epi32(total[r], 8), low[r]);
}

template <class C, class Source, int R, int N>
void block_columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
                   float* y) noexcept {
  constexpr bool kPairs = C::kNarrow && Source::kPacked;   // two sums of 16 in one multiply
  constexpr bool kWhole = C::kNarrow && !Source::kPacked;  // codes have their scales in them
  constexpr int kSubs = 32 / C::kSub, kGroups = C::kSub / 4;
  // of a column (a8x256.h)
  const int64_t d_at = k, total_at = k + k / 64, lift_at = k + k / 32, sums_at = lift_at + k / 8,
                shift_at = sums_at + k / 256 * 48;
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) x[c] = from[c];
  // Sums of a tile are kept in y: its registers hold integers.
  constexpr bool kInY = R * N > 8;
  __m512 acc[R][N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c)
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r)
      if (kInY)
        _mm512_storeu_ps(y + 16 * (r * N + c), _mm512_setzero_ps());
      else
        acc[r][c] = _mm512_setzero_ps();
  Source source[R];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) source[r] = Source(w[r], k);
  for (int64_t b = 0; b < k / 256; ++b) {
    typename Source::Block block[R];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) block[r] = source[r].block(b);
    __m512i all[R][N];  // of the block
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      __m512i first = _mm512_setzero_si512();
      if constexpr (kWhole)
        if (C::kStripZero != 0)
          first = _mm512_set1_epi32(-C::kStripZero * total(x[c] + total_at + b * 4));
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) all[r][c] = first;
    }
    const auto chunk = [&](int s) __attribute__((always_inline)) {
      const int64_t at = b * 8 + s;
      if (Source::kPacked && N >= kAheadMinCols<C>)
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r)
          prefetch_chunk<Vec512, C>(source[r].at(b) + s * (kPanelBlock<Vec512, C> / 8));
      Chunk<Vec512> wc[R];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) block[r].chunk(s, wc[r]);
      // adds sums, times the scales already, to those of the block
      const auto add = [&](const __m512i(*sum)[N]) __attribute__((always_inline)) {
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) {
          const __m512i lift = bytes4(x[c] + lift_at + at * 4);
#pragma GCC unroll 2
          for (int r = 0; r < R; ++r)
            all[r][c] = _mm512_add_epi32(all[r][c], _mm512_sllv_epi32(sum[r][c], lift));
        }
      };
      __m512i sum[R][N];
      if constexpr (kWhole) {
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c) sum[r][c] = _mm512_setzero_si512();
        dot_groups<R, N>(wc, 0, 8, x, at * 32, sum);
        add(sum);
      } else if constexpr (kPairs) {
        __m512i high[R][N];
        start_all<C, R, N>(x, shift_at + at * 8, sum);
        dot_groups<R, N>(wc, 0, 4, x, at * 32, sum);
        start_all<C, R, N>(x, shift_at + at * 8 + 4, high);
        dot_groups<R, N>(wc, 4, 8, x, at * 32, high);
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r) {
          const __m512i scales = _mm512_mask_blend_epi16(kOdd, wc[r].ints[0], wc[r].ints[1]);
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c)
            sum[r][c] = _mm512_madd_epi16(
                _mm512_mask_blend_epi16(kOdd, sum[r][c], _mm512_slli_epi32(high[r][c], 16)),
                scales);
        }
        add(sum);
      } else {
#pragma GCC unroll 2
        for (int h = 0; h < kSubs; ++h) {
          start_all<C, R, N>(x, shift_at + at * 8 + h * 4, sum);
          dot_groups<R, N>(wc, h * kGroups, (h + 1) * kGroups, x, at * 32, sum);
#pragma GCC unroll 2
          for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
            for (int c = 0; c < N; ++c) sum[r][c] = _mm512_mullo_epi32(sum[r][c], wc[r].ints[h]);
          add(sum);
        }
      }
    };
    if constexpr (Source::kPacked) {  // shifts become constants
#pragma GCC unroll 8
      for (int s = 0; s < 8; ++s) {
        chunk(s);
        asm("" ::: "memory");  // in this order, or registers do not suffice
      }
    } else {
      for (int s = 0; s < 8; ++s) chunk(s);
    }
    Head<Vec512> heads[R];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) heads[r] = block[r].head();
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      __m512i minima[R];
      if constexpr (C::kMins) dot_minima<C, R>(heads, x[c] + sums_at + b * 48, minima);
      const __m512 d = float1(x[c] + d_at + b * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        __m512 v = _mm512_mul_ps(heads[r].d, _mm512_cvtepi32_ps(all[r][c]));
        if constexpr (C::kMins)
          v = _mm512_fmadd_ps(heads[r].dmin, _mm512_cvtepi32_ps(minima[r]), v);
        float* to = y + 16 * (r * N + c);
        if (kInY)
          _mm512_storeu_ps(to, _mm512_fmadd_ps(d, v, _mm512_loadu_ps(to)));
        else
          acc[r][c] = _mm512_fmadd_ps(d, v, acc[r][c]);
      }
      // one column after the other: all at once would not fit the registers
      if (kInY) asm("" ::: "memory");
    }
  }
  if (!kInY)
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) _mm512_storeu_ps(y + 16 * (r * N + c), acc[r][c]);
}

template <class C, int N>
constexpr ColsFn kBlockDot = block_columns<C, PackedSource<Vec512, C>, 1, N>;
template <class C, int N>
constexpr ColsFn kBlockTile = block_columns<C, StripSource<Vec512, C>, kTilePanels, N>;

template <class C>
constexpr Micro kVnniBlockMicro{
    16,
    kVnniTile,
    Strip<Vec512, C>::bytes,
    Strip<Vec512, C>::unpack,
    {kBlockDot<C, 1>, kBlockDot<C, 2>, kBlockDot<C, 3>, kBlockDot<C, 4>, kBlockDot<C, 5>,
     kBlockDot<C, 6>, kBlockDot<C, 7>, kBlockDot<C, 8>},
    {nullptr, nullptr, nullptr, kBlockTile<C, 4>, kBlockTile<C, 5>, kBlockTile<C, 6>}};

template <template <class> class C>
consteval Kernel<Ctx> vnni_block_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec512>::kType;
  return matmul_kernel(id, op, kType, DType::a8x256, kVnniNeeds, 40, driver_avx512vnni,
                       Panels<kType, 16>::kPack, kVnniBlockMicro<C<Vec512>>);
}

}  // namespace
}  // namespace engine::cpu
