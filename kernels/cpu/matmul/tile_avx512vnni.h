// One panel of 16 rows times N columns of a8x32, on AVX-512 VNNI; the same code for packed bits (a type's codec) and for strips.
//
// A codec gives a chunk of 32 k at a time: eight vectors w[g], lane r = codes 4 g .. 4 g + 3 of row r as unsigned bytes, and the
// scales (and minima) of 16 rows per sub-block. vpdpbusd multiplies w[g] with the same four activations in every lane, so a lane ends
// up with the integer sum of its row: no shuffles, no horizontal sums. Per output and sub-block, in ascending order:
//   acc = fma(scale * d, float(shift + sum code * q), acc);  with a minimum: acc = fma(min, d * sum q, acc)
//
//   struct Codec {
//     static constexpr DType kType;
//     static constexpr int kChunks, kSub, kZero; static constexpr bool kMin;   // chunks of a block; 32 or 16; see Micro
//     struct Block {                                       // block i of a panel
//       Block(const std::byte* panel, int64_t i, int64_t k);
//       void chunk(int s, Chunk& out) const;
//     };
//   };
#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

constexpr uint64_t kVnniNeeds = isa::avx2 | isa::fma | isa::f16c | isa::avx512 | isa::avx512vnni;
constexpr int kVnniTile = 12;  // 12 float sums + 8 weight vectors + scale, minimum and temporaries in 32 registers

struct Chunk {
  __m512i w[8];
  __m512 scale[2], min[2];
};

inline __m512 halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline __m512i words(const std::byte* p, int j) { return _mm512_loadu_si512(p + 64 * j); }
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

// Weights as the tile wants them: codes [k/32][8][16 rows][4], scales float [k/sub][16], minima alike.
template <class C>
struct Strip {
  static constexpr int kChunks = 1, kSub = C::kSub, kZero = C::kZero;
  static constexpr bool kMin = C::kMin;
  static constexpr int kSubs = 32 / kSub;
  static size_t bytes(int64_t k) noexcept { return static_cast<size_t>(k * 16 + k / kSub * 64 * (kMin ? 2 : 1)); }

  struct Block {
    const std::byte *w, *scale, *min;
    Block(const std::byte* strip, int64_t i, int64_t k)
        : w(strip + i * 512), scale(strip + k * 16 + i * kSubs * 64), min(scale + k / kSub * 64) {}
    void chunk(int, Chunk& c) const {
      for (int g = 0; g < 8; ++g) c.w[g] = words(w, g);
      for (int s = 0; s < kSubs; ++s) {
        c.scale[s] = _mm512_load_ps(scale + 64 * s);
        if (kMin) c.min[s] = _mm512_load_ps(min + 64 * s);
      }
    }
  };

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    const int64_t blocks = k / (32 * C::kChunks);
    for (int64_t i = 0; i < blocks; ++i) {
      const typename C::Block b(panel, i, k);
      for (int s = 0; s < C::kChunks; ++s) {
        Chunk c;
        b.chunk(s, c);
        const int64_t at = i * C::kChunks + s;
        for (int g = 0; g < 8; ++g) _mm512_store_si512(strip + at * 512 + g * 64, c.w[g]);
        for (int h = 0; h < kSubs; ++h) {
          std::byte* scale = strip + k * 16 + (at * kSubs + h) * 64;
          _mm512_store_ps(scale, c.scale[h]);
          if (kMin) _mm512_store_ps(scale + k / kSub * 64, c.min[h]);
        }
      }
    }
  }
};

template <class C, int N>
void columns(const std::byte* w, int64_t k, const Cols& cols, float* y) noexcept {
  constexpr int kSubs = 32 / C::kSub, kGroups = C::kSub / 4;
  __m512 acc[N];
  const std::byte* x[N];
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) acc[c] = _mm512_setzero_ps(), x[c] = cols.x[c];
  const int64_t at_sum = k + (C::kSub == 32 ? k / 32 * 4 : k / 32 * 8);  // dsum or dsum16
  const int64_t blocks = k / (32 * C::kChunks);
  for (int64_t i = 0; i < blocks; ++i) {
    const typename C::Block block(w, i, k);
    for (int s = 0; s < C::kChunks; ++s) {
      Chunk wc;
      block.chunk(s, wc);
      const int64_t chunk = i * C::kChunks + s;
#pragma GCC unroll 2
      for (int h = 0; h < kSubs; ++h) {
        __m512i sum[N];
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) sum[c] = C::kZero ? _mm512_set1_epi32(cols.shift[c][chunk * kSubs + h]) : _mm512_setzero_si512();
#pragma GCC unroll 8
        for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 16
          for (int c = 0; c < N; ++c)
            sum[c] = _mm512_dpbusd_epi32(sum[c], wc.w[h * kGroups + g], bytes4(x[c] + chunk * 32 + (h * kGroups + g) * 4));
#pragma GCC unroll 16
        for (int c = 0; c < N; ++c) {
          const __m512 scale = _mm512_mul_ps(wc.scale[h], float1(x[c] + k + chunk * 4));
          acc[c] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum[c]), acc[c]);
          if (C::kMin) acc[c] = _mm512_fmadd_ps(wc.min[h], float1(x[c] + at_sum + (chunk * kSubs + h) * 4), acc[c]);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int c = 0; c < N; ++c) _mm512_store_ps(y + 16 * c, acc[c]);
}

template <class C>
constexpr Micro kVnniMicro{
    16, kVnniTile, C::kSub, C::kZero, Strip<C>::bytes, Strip<C>::unpack,
    {columns<C, 1>, columns<C, 2>, columns<C, 3>, columns<C, 4>, columns<C, 5>, columns<C, 6>, columns<C, 7>, columns<C, 8>},
    {nullptr, nullptr, nullptr, nullptr, nullptr, columns<Strip<C>, 6>, columns<Strip<C>, 7>, columns<Strip<C>, 8>,
     columns<Strip<C>, 9>, columns<Strip<C>, 10>, columns<Strip<C>, 11>, columns<Strip<C>, 12>}};

template <class C>
consteval Kernel<Ctx> vnni_kernel(const char* id, Op op) {
  return matmul_kernel(id, op, C::kType, DType::a8x32, kVnniNeeds, 40, driver_avx512vnni, Panels<C::kType, 16>::kPack, kVnniMicro<C>);
}

}  // namespace
}  // namespace engine::cpu
