// Blocks of 256: panels of 16 rows times N columns of a8x256 on AVX-512 VNNI; the same code for packed
// bits and for strips (codec_k.h).
//
// What     y[16, N] = panel x columns, as tile_avx512vnni.h
// Formula  per output and sub-block s = -zero * sum q + sum code * q, cut to 16 bits: t = s >> drop,
//          rounded half down in the first of two sub-blocks and half up in the second, so that no
//          bias remains (half a unit of s is far below what rounding the activations costs);
//          per block, all in integers, S = sum of (t * (scale << lift)), two sub-blocks by one
//          vpdpwssd, M = sum of minimum * (sum of q << lift);
//          per block, ascending: acc = fma(d of the column, (d << drop) * float(S) + dmin * float(M), acc)
//          kNarrow types fit into 16 bits as they are (drop = 0); their strips hold scale * code, and
//          S = sum of (s << lift)
// Range    |t| < 2^15 (kDrop), |scale << lift| <= 128 * 8, |S| <= 16 * 2^15 * 2^10 < 2^30,
//          |M| <= 8 * 63 * 32512 < 2^24
// Tiles    2 x 16 rows x 5 columns: 10 sums of a sub-block, 5 registers with the halves of the 10
//          before, 10 sums of the block; strips that hold scale * code: x 6 columns. Float sums are
//          added to y once per block. Nothing else is stored: storing 64 bytes costs as much as 1.4
//          vpdpbusd
//          per 256 k and column 64 vpdpbusd + 4 or 8 vpdpwssd + 4 or 8 vpdpbusd for minima + 2 or 3
//          float operations; shifts and blends run on the other two pipes
// Bound    int8 peak of one Zen 4 core 228 GMAC/s, times 64 / (64 + those on the two pipes)
#pragma once

#include "kernels/cpu/matmul/codec_k.h"
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {
namespace {

inline int32_t total(const std::byte* p) {
  int32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

// Bits that sums of kSub products lose to fit into 16 bits.
consteval int drop_bits(int64_t most) {
  int n = 0;
  while (most >> n > 32767) ++n;
  return n;
}
template <class C>
constexpr int kDrop = drop_bits(C::kSub * 127 * C::kMost);

// A strip holds scale * code: the least registers.
template <class C>
constexpr int kBlockTileCols = C::kNarrow ? 6 : 5;

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
// h: the first or the second of two sub-blocks; what rounds the bits that are cut.
template <class C, int R, int N>
__attribute__((always_inline)) inline void start_all(const std::byte* const* x, int64_t at, int h,
                                                     __m512i (*sum)[N]) {
  const int half = kDrop<C> > 0 ? (1 << kDrop<C> >> 1) - 1 + h : 0;
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) {
    __m512i from = start<C>(x[c] + at);
    if (half != 0) from = _mm512_add_epi32(from, _mm512_set1_epi32(half));
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) sum[r][c] = from;
  }
}

// The lifts of a pair of sub-blocks in the halves of each lane: the first in the low one, or in the
// high one.
template <class C>
inline __m512i lifts(const std::byte* lift, bool first_is_low) {
  if constexpr (C::kSub == 16) {
    return _mm512_shuffle_epi8(bytes4(lift), _mm512_set1_epi32(0x01000100));
  } else {
    int64_t v;
    std::memcpy(&v, lift, 8);
    return _mm512_shuffle_epi8(_mm512_set1_epi64(v),
                               _mm512_set1_epi32(first_is_low ? 0x05040100 : 0x01000504));
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
  constexpr bool kWhole = C::kNarrow && !Source::kPacked;  // codes have their scales in them
  constexpr int kSub = C::kSub, kGroups = kSub / 4, kStep = kSub / 16;  // chunks of a pair
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
    const auto codes = [&](int s, Chunk<Vec512>* wc) __attribute__((always_inline)) {
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        if (Source::kPacked && N >= kAheadMinCols<C>)
          prefetch_chunk<Vec512, C>(source[r].at(b) + s * (kPanelBlock<Vec512, C> / 8));
        block[r].chunk(s, wc[r]);
      }
    };
    const auto whole = [&](int s) __attribute__((always_inline)) {
      const int64_t at = b * 8 + s;
      Chunk<Vec512> wc[R];
      codes(s, wc);
      __m512i sum[R][N];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) sum[r][c] = _mm512_setzero_si512();
      dot_groups<R, N>(wc, 0, 8, x, at * 32, sum);
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const __m512i lift = bytes4(x[c] + lift_at + at * 4);
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r)
          all[r][c] = _mm512_add_epi32(all[r][c], _mm512_sllv_epi32(sum[r][c], lift));
      }
    };
    const auto pair = [&](int s) __attribute__((always_inline)) {
      constexpr int kDown = kDrop<C>, kUp = 16 - kDown;
      constexpr int kNext = kStep - 1;  // the second sub-block: in the next chunk, or the same
      const int64_t at = b * 8 + s;
      Chunk<Vec512> wc[R];
      __m512i sum[R][N], first[(R * N + 1) / 2], scales[2];
      codes(s, wc);
      start_all<C, R, N>(x, shift_at + at * 8, 0, sum);
      dot_groups<R, N>(wc, 0, kGroups, x, at * 32, sum);
      // The first sums of two outputs share a register: one's in the low halves, where the second
      // sums will join them in the high ones, the other's the other way round.
#pragma GCC unroll 16
      for (int i = 0; i < R * N; ++i) {
        const __m512i v = sum[i % R][i / R];
        first[i / 2] = i % 2 == 0 ? _mm512_srli_epi32(v, kDown)
                                  : Vec512::halves(first[i / 2], _mm512_slli_epi32(v, kUp));
      }
      if (kNext > 0) codes(s + kNext, wc);
      start_all<C, R, N>(x, shift_at + at * 8 + kSub / 4, 1, sum);
      dot_groups<R, N>(wc, 8 - kGroups, 8, x, (at + kNext) * 32, sum);
      if (kInY) asm("" ::: "memory");  // scales only now: registers are full till here
      scales[0] = block[0].pair(s);
      scales[1] = _mm512_rol_epi32(R == 1 ? scales[0] : block[R - 1].pair(s), 16);
#pragma GCC unroll 16
      for (int i = 0; i < R * N; ++i) {
        const int r = i % R, c = i / R;
        const __m512i lift = lifts<C>(x[c] + lift_at + at * 4, i % 2 == 0);
        const __m512i sums =
            i % 2 == 0 ? Vec512::halves(first[i / 2], _mm512_slli_epi32(sum[r][c], kUp))
                       : Vec512::halves(_mm512_srli_epi32(sum[r][c], kDown), first[i / 2]);
        all[r][c] = _mm512_dpwssd_epi32(all[r][c], sums, _mm512_sllv_epi16(scales[i % 2], lift));
      }
    };
    if constexpr (kWhole) {
      for (int s = 0; s < 8; ++s) whole(s);
    } else if constexpr (Source::kPacked) {  // shifts become constants
#pragma GCC unroll 8
      for (int s = 0; s < 8; s += kStep) {
        pair(s);
        asm("" ::: "memory");  // in this order, or registers do not suffice
      }
    } else {
      for (int s = 0; s < 8; s += kStep) pair(s);
    }
    Head<Vec512> heads[R];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      heads[r] = block[r].head();
      if (!kWhole && kDrop < C >> 0)
        heads[r].d = _mm512_mul_ps(heads[r].d, _mm512_set1_ps(1 << kDrop<C>));
    }
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
constexpr ColsFn kWidest = nullptr;
template <class C>
requires(kBlockTileCols<C> == 6) constexpr ColsFn kWidest<C> = kBlockTile<C, 6>;

template <class C>
constexpr Micro kVnniBlockMicro{
    16,
    kBlockTileCols<C>,
    Strip<Vec512, C>::bytes,
    Strip<Vec512, C>::unpack,
    {kBlockDot<C, 1>, kBlockDot<C, 2>, kBlockDot<C, 3>, kBlockDot<C, 4>, kBlockDot<C, 5>,
     kBlockDot<C, 6>, kBlockDot<C, 7>, kBlockDot<C, 8>},
    {nullptr, nullptr, kBlockTile<C, 3>, kBlockTile<C, 4>, kBlockTile<C, 5>, kWidest<C>}};

template <template <class> class C>
consteval Kernel<Ctx> vnni_block_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec512>::kType;
  Kernel<Ctx> k = matmul_kernel(id, op, kType, DType::a8x256, kVnniNeeds, 40, driver_avx512vnni,
                                Panels<kType, 16>::kPack, kVnniBlockMicro<C<Vec512>>);
  constexpr int kCut = kDrop<C<Vec512>>;
  if (kCut > 0) k.tolerance = 3e-3f;  // beside outliers, whose lift multiplies what is cut
  return k;
}

}  // namespace
}  // namespace engine::cpu
