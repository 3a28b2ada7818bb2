// Blocks of 256, many columns on AVX2: strips of two panels of 8 rows times N columns of a8x256.
//
// What     as tile_k_avx2.h, the same integers and floats; a strip is made once per pass
// Layout   codes [k/32][8][rows][4], then by block: d | dmin | pairs | scales by sub-block, lines of 32
//          bytes (4 per row). A line of pairs has for each row two sub-blocks' minima (or, where codes
//          are shifted, scales), 16 bits each, for one vpmaddwd with two sums of activations
//          (WholeSums). A scale lies in both halves of its lane: vpmaddwd applies it while it widens
// Zero     codes shifted by kZero: sum of scale * (code - kZero) = sum of scale * code - kZero * M,
//          M = sum of scale * (sum of the activations), in integers that may wrap
// Range    sums of 16 bits as in tile_avx2.h
// Tiles    2 x 8 rows x 4 columns, 8 sums of 16 bits in registers; sums of 32 bits and of floats through
//          L1. 3, 5 and 6 columns are no faster, nor are lines of scale << lift whose address the lift
//          chooses, nor activations broadcast to memory beforehand
// Measured GMAC/s per core (Zen 3, k = 1536, 512 columns, medians; block_columns of packed bits before):
//          4 bits 69 (67), 2 bits 58 (53), 6 bits 48 (45)
#pragma once

#include "kernels/cpu/matmul/codec_k.h"
#include "kernels/cpu/matmul/tile_avx2.h"
#include "kernels/types/a8x256.h"

namespace engine::cpu {
namespace {

template <class C>
struct StripK {
  using V = Vec256;
  static constexpr int kLine = 32;
  static constexpr int kSubs = 256 / C::kSub;
  static constexpr int kPairs = C::kMins || C::kZero != 0 ? kSubs / 2 : 0;
  static constexpr int kPairsAt = C::kMins ? 2 : 1, kScalesAt = kPairsAt + kPairs;
  static constexpr int kLines = kScalesAt + kSubs;

  static size_t bytes(int64_t k) noexcept {
    return static_cast<size_t>(k * V::kRows + k / 256 * kLines * kLine);
  }

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    std::byte* line = strip + k * V::kRows;
    for (int64_t at = 0; at < k;
         at += 256, panel += kPanelBlock<V, C>, line += kLines * int64_t{kLine}) {
      const typename C::Block block(panel);
      const Head<V>& head = block.head();
      V::storef(line, head.d);
      if (C::kMins) V::storef(line + kLine, head.dmin);
      if constexpr (C::kMins)
        for (int i = 0; i < kPairs; ++i)
          V::store(line + (kPairsAt + i) * kLine, V::pair_of_bytes(head.mins[i / 2], i % 2));
      std::byte* scale = line + kScalesAt * kLine;
      for (int s = 0; s < 8; ++s) {
        Chunk<V> c;
        block.chunk(s, c);
        for (int g = 0; g < 8; ++g, strip += kLine) V::store(strip, c.w[g]);
        for (int h = 0; h < kSubs / 8; ++h, scale += kLine)
          V::store(scale, V::halves(c.ints[h], c.ints[h]));
        if constexpr (C::kZero != 0)
          V::store(line + (kPairsAt + s) * kLine, V::halves(c.ints[0], c.ints[1]));
      }
    }
  }
};

// M of R panels and one column: lines of pairs at `pairs` times WholeSums at `sums`.
template <class C, int R>
__attribute__((always_inline)) inline void dot_pairs(const std::byte* const* pairs,
                                                     const std::byte* sums, __m256i* total) {
#pragma GCC unroll 8
  for (int i = 0; i < StripK<C>::kPairs; ++i) {
    const __m256i two = bytes4(sums + 4 * i);
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      const __m256i m = _mm256_madd_epi16(two, Vec256::load(pairs[r] + 32 * i));
      total[r] = i == 0 ? m : _mm256_add_epi32(total[r], m);
      in_order(total[r]);
    }
  }
}

template <class C, int R, int N>
void strip_columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
                   float* y) noexcept {
  using S = StripK<C>;
  constexpr int kSubs = S::kSubs / 8, kGroups = C::kSub / 4;  // of a chunk
  constexpr int kDepth = C::kDepth < kGroups ? C::kDepth : kGroups;
  // of a column (a8x256.h)
  const int64_t d_at = k, lift_at = k + k / 32,
                sums_at = lift_at + k / 8 + k / 256 * int64_t{sizeof(BlockSums)} + k / 4 +
                          (C::kSub == 16 ? 0 : offsetof(WholeSums, of32));
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) x[c] = from[c];
#pragma GCC unroll 16
  for (int i = 0; i < R * N; ++i) _mm256_storeu_ps(y + 8 * i, _mm256_setzero_ps());
  const std::byte *codes[R], *lines[R];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) codes[r] = w[r], lines[r] = w[r] + k * 8;
  for (int64_t b = 0; b < k / 256; ++b) {
    __m256i all[R][N];  // of the block
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) all[r][c] = _mm256_setzero_si256();
    for (int64_t s = 0; s < 8; ++s) {
      const int64_t at = b * 8 + s;
      Chunk<Vec256> wc[R];
      const std::byte* scales[R];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        scales[r] = lines[r] + (S::kScalesAt + s * kSubs) * S::kLine;
#pragma GCC unroll 8
        for (int g = 0; g < 8; ++g) wc[r].w[g] = Vec256::load(codes[r] + S::kLine * g);
        codes[r] += 8 * S::kLine;
      }
      __m256i sum[R][N];
#pragma GCC unroll 2
      for (int h = 0; h < kSubs; ++h)
#pragma GCC unroll 8
        for (int g0 = h * kGroups; g0 < (h + 1) * kGroups; g0 += kDepth) {
          __m256i s16[R][N];
          dot_groups<kDepth, R, N>(wc, g0, x, at * 32, false, s16);
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c) {
#pragma GCC unroll 2
            for (int r = 0; r < R; ++r) {
              const __m256i scaled =
                  _mm256_madd_epi16(s16[r][c], Vec256::load(scales[r] + h * S::kLine));
              sum[r][c] = g0 == 0 ? scaled : _mm256_add_epi32(sum[r][c], scaled);
              in_order(sum[r][c]);
            }
          }
        }
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const __m256i lift = bytes4(x[c] + lift_at + at * 4);
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r)
          all[r][c] = _mm256_add_epi32(all[r][c], _mm256_sllv_epi32(sum[r][c], lift));
      }
    }
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      __m256i m[R];
      const std::byte* pairs[R];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) pairs[r] = lines[r] + S::kPairsAt * S::kLine;
      dot_pairs<C, R>(pairs, x[c] + sums_at + b * int64_t{sizeof(WholeSums)}, m);
      const __m256 d = float1(x[c] + d_at + b * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        if constexpr (C::kZero != 0)
          all[r][c] = _mm256_sub_epi32(
              all[r][c], _mm256_slli_epi32(m[r], __builtin_ctz(static_cast<unsigned>(C::kZero))));
        __m256 v = _mm256_mul_ps(Vec256::loadf(lines[r]), _mm256_cvtepi32_ps(all[r][c]));
        if constexpr (C::kMins)
          v = _mm256_fmadd_ps(Vec256::loadf(lines[r] + S::kLine), _mm256_cvtepi32_ps(m[r]), v);
        float* to = y + 8 * (r * N + c);
        _mm256_storeu_ps(to, _mm256_fmadd_ps(d, v, _mm256_loadu_ps(to)));
      }
      asm("" ::: "memory");  // one after the other: all at once would not fit the registers
    }
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) lines[r] += S::kLines * int64_t{S::kLine};
  }
}

}  // namespace
}  // namespace engine::cpu
