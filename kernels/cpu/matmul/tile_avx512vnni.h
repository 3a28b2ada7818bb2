// Blocks of 32: panels of 16 rows times N columns of a8x32 (or f32) on AVX-512 VNNI; the same code for
// packed bits and for strips (codec_32.h).
//
// What     y[16, N] = panel x columns; vpdpbusd multiplies w[g] (4 codes of each row) with the same
//          four activations in every lane, so a lane ends up with the integer sum of its row: no
//          shuffles, no horizontal sums
// Formula  per output and block, ascending: s = -zero * sum q + sum code * q;
//          acc = fma(scale * d, float(s), acc);
//          types with a minimum: acc = fma(min, d * sum q, acc)
// Range    |s| <= 32 * 255 * 127 < 2^21
// Tiles    2 x 16 rows x 6 columns: 12 integer + 12 float sums, weights, scales, minima and broadcasts
//          in 32 registers. A broadcast that serves two products is what makes it faster than
//          16 x 12: there loads limit, not the multipliers
//          per 32 k and column 8 vpdpbusd + 2 (scale, fma) + 1 per minimum on the two multiply pipes
// Bound    int8 peak of one Zen 4 core 228 GMAC/s, times 8 / (8 + those)
#pragma once

#include "kernels/cpu/matmul/codec_32.h"
#include "kernels/cpu/matmul/float_tile.h"
#include "kernels/cpu/matmul/vec_avx512.h"

namespace engine::cpu {
namespace {

constexpr uint64_t kVnniNeeds = isa::avx2 | isa::fma | isa::f16c | isa::avx512 | isa::avx512vnni;
constexpr int kVnniTile = 6;

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

// sum[r][c] += codes of the groups [g0, g1) of panel r times activations, which start at
// x[c] + offset.
template <int R, int N, class Chunks>
__attribute__((always_inline)) inline void dot_groups(const Chunks* chunk, int g0, int g1,
                                                      const std::byte* const* x, int64_t offset,
                                                      __m512i (*sum)[N]) {
#pragma GCC unroll 8
  for (int g = g0; g < g1; ++g)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      const __m512i q = bytes4(x[c] + offset + g * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) sum[r][c] = _mm512_dpbusd_epi32(sum[r][c], chunk[r].w[g], q);
    }
}

template <class C, class Source, int R, int N>
void columns(const std::byte* const* w, int64_t k, const std::byte* const* from,
             float* y) noexcept {
  __m512 acc[R][N];
  const std::byte* x[N];
  Source source[R];
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r) {
    source[r] = Source(w[r], k);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) acc[r][c] = _mm512_setzero_ps(), x[c] = from[c];
  }
  const int64_t d_at = k, dsum_at = k + k / 8, shift_at = k + k / 4;
  for (int64_t b = 0; b < k / 32; ++b) {
    Chunk32<Vec512> wc[R];
    __m512i sum[R][N];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      if (Source::kPacked && N >= kAheadMinCols<C>) prefetch_chunk<Vec512, C>(source[r].at());
      source[r].next(wc[r]);
    }
    static_assert(C::kZero == 0 || C::kZero == 128);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r)
        sum[r][c] = C::kZero ? bytes4(x[c] + shift_at + b * 4) : _mm512_setzero_si512();
    dot_groups<R, N>(wc, 0, 8, x, b * 32, sum);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      const __m512 d = float1(x[c] + d_at + b * 4);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        acc[r][c] = _mm512_fmadd_ps(_mm512_mul_ps(wc[r].scale, d), _mm512_cvtepi32_ps(sum[r][c]),
                                    acc[r][c]);
        if (C::kMin)
          acc[r][c] = _mm512_fmadd_ps(wc[r].min, float1(x[c] + dsum_at + b * 4), acc[r][c]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) _mm512_storeu_ps(y + 16 * (r * N + c), acc[r][c]);
}

template <class C, int N>
constexpr ColsFn kDot = columns<C, PackedSource32<Vec512, C>, 1, N>;
template <class C, int N>
constexpr ColsFn kTile = columns<C, StripSource32<Vec512, C>, kTilePanels, N>;

template <class C>
constexpr Micro kVnniMicro{16,
                           kVnniTile,
                           Strip32<Vec512, C>::bytes,
                           Strip32<Vec512, C>::unpack,
                           {kDot<C, 1>, kDot<C, 2>, kDot<C, 3>, kDot<C, 4>, kDot<C, 5>, kDot<C, 6>,
                            kDot<C, 7>, kDot<C, 8>},
                           {nullptr, nullptr, nullptr, kTile<C, 4>, kTile<C, 5>, kTile<C, 6>}};

template <template <class> class C>
consteval Kernel<Ctx> vnni_kernel(const char* id, Op op) {
  constexpr DType kType = C<Vec512>::kType;
  return matmul_kernel(id, op, kType, DType::a8x32, kVnniNeeds, 40, driver_avx512vnni,
                       Panels<kType, 16>::kPack, kVnniMicro<C<Vec512>>);
}

template <class T, int R, int N>
constexpr ColsFn kFloat = float_columns<Vec512, T, R, N>;

template <class T>
constexpr Micro kFloatMicro{
    16,
    kVnniTile,
    nullptr,
    nullptr,
    {kFloat<T, 1, 1>, kFloat<T, 1, 2>, kFloat<T, 1, 3>, kFloat<T, 1, 4>, kFloat<T, 1, 5>,
     kFloat<T, 1, 6>, kFloat<T, 1, 7>, kFloat<T, 1, 8>},
    {nullptr, nullptr, nullptr, kFloat<T, 2, 4>, kFloat<T, 2, 5>, kFloat<T, 2, 6>}};

template <template <class> class T>
consteval Kernel<Ctx> vnni_float_kernel(const char* id, Op op) {
  constexpr DType kType = T<Vec512>::kType;
  return matmul_kernel(id, op, kType, DType::f32, kVnniNeeds, 40, driver_avx512vnni,
                       Panels<kType, 16>::kPack, kFloatMicro<T<Vec512>>);
}

}  // namespace
}  // namespace engine::cpu
