// What     C[rows][lanes] (+)= A[rows][k] (broadcast) * B[k][lanes]: both products of attention.
//          S = Q * K page: B is the transposed page, k = d. O = P * V page: k = keys.
// Tiles    6 rows x 2 vectors (AVX2) or x 4 (AVX-512). Up to 3 rows x 4 on AVX2: a pass over B then
//          uses whole lines of the cache, which is what a token of few query heads waits for.
// Order    one fma per k, ascending: an element of C does not depend on the tile.
// B        halves, codes or floats, converted while they are loaded.
#pragma once

#include <cstddef>

#include "kernels/cpu/attention/vec.h"

namespace engine::cpu {
namespace {

constexpr int kMicroRows = 6;
constexpr int64_t kSteps = 4;

// Rows of numbers, ld elements from one to the next.
template <class T>
struct Plane {
  const T* p;
  int64_t ld;
  Plane right(int64_t lanes) const { return {p + lanes, ld}; }
  Plane down(int64_t rows) const { return {p + rows * ld, ld}; }
};

// Bytes that the next product will read: a part is fetched with each k of this one. The processor
// does not do that by itself: planes are too short for it to see the pattern. A core has few places
// for lines that are under way, so they are spread over all passes (kSpreadAhead), or over the first.
struct Ahead {
  const std::byte* p = nullptr;  // nullptr: nothing
  int64_t bytes = 0;             // from p on
  int64_t bytes_per_k = 0;
  void fetch(int64_t k, int64_t steps) const {
    for (int64_t i = 0; i < steps * bytes_per_k; i += 64)
      __builtin_prefetch(p + k * bytes_per_k + i, 0, 2);
  }
  // Spread over n steps.
  void spread(int64_t n) { bytes_per_k = (bytes + n * 64 - 1) / (n * 64) * 64; }
  void skip(int64_t k) {
    p += k * bytes_per_k, bytes -= k * bytes_per_k;
    if (bytes <= 0) p = nullptr;
  }
};

template <class V, int kRows, int kVectors, class B>
void micro(const float* a, int64_t lda, const B b, int64_t k, float* c, int64_t ldc,
           bool accumulate, const Ahead ahead) {
  // Unrolled by force everywhere: a loop over acc would put all of it on the stack.
  typename V::Reg acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++)
      acc[i][j] = accumulate ? V::load(c + i * ldc + j * V::kLanes) : V::zero();
  const auto step = [&](int64_t d) __attribute__((always_inline)) {
    typename V::Reg bv[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++) bv[j] = V::load(b.p + d * b.ld + j * V::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
      const typename V::Reg av = V::set1(a[i * lda + d]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; j++) acc[i][j] = V::fma(av, bv[j], acc[i][j]);
    }
  };
  // Four steps at a time: counting and asking cost a quarter of one otherwise.
  int64_t d = 0;
  for (; d + kSteps <= k; d += kSteps) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kSteps; i++) step(d + i);
    if (ahead.p != nullptr) ahead.fetch(d, kSteps);
  }
  for (; d < k; d++) {
    step(d);
    if (ahead.p != nullptr) ahead.fetch(d, 1);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++) V::store(c + i * ldc + j * V::kLanes, acc[i][j]);
}

template <class V, int kVectors, int kRows, class B>
void micro_rows(int rows, const float* a, int64_t lda, const B b, int64_t k, float* c, int64_t ldc,
                bool accumulate, const Ahead ahead) {
  if constexpr (kRows > 1) {
    if (rows < kRows)
      return micro_rows<V, kVectors, kRows - 1>(rows, a, lda, b, k, c, ldc, accumulate, ahead);
  }
  micro<V, kRows, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
}

// All of B for rows of A that share registers with kVectors vectors of it.
template <class V, int kVectors, int kRows, class B>
void gemm_tiles(int rows, int vectors, const float* a, int64_t lda, B b, int64_t k, float* c,
                int64_t ldc, bool accumulate, Ahead ahead) {
  const int blocks = (rows + kRows - 1) / kRows;
  ahead.spread(V::kSpreadAhead ? k * ((vectors + kVectors - 1) / kVectors) : k);
  for (int v = 0; v < vectors; v += kVectors) {
    const int left = vectors - v;
    for (int i = 0; i < blocks; i++) {
      const int r = rows * i / blocks, n = rows * (i + 1) / blocks - r;
      const float* ar = a + r * lda;
      float* cr = c + r * ldc;
      if (kVectors == 4 && left >= 4)
        micro_rows<V, kVectors, kRows>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
      else if (kVectors == 4 && left == 3)
        micro_rows<V, kVectors - 1, kRows>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
      else if (left >= 2)
        micro_rows<V, 2, kRows>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
      else
        micro_rows<V, 1, kRows>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
    }
    ahead.skip(k);
    b = b.right(kVectors * V::kLanes);
    c += kVectors * V::kLanes;
  }
}

template <class V, class B>
void gemm(int rows, int vectors, const float* a, int64_t lda, B b, int64_t k, float* c, int64_t ldc,
          bool accumulate, Ahead ahead = {}) {
  if constexpr (V::kFewRows > 0) {
    if (rows <= V::kFewRows)
      return gemm_tiles<V, 4, V::kFewRows>(rows, vectors, a, lda, b, k, c, ldc, accumulate, ahead);
  }
  gemm_tiles<V, V::kTileVectors, kMicroRows>(rows, vectors, a, lda, b, k, c, ldc, accumulate,
                                             ahead);
}

}  // namespace
}  // namespace engine::cpu
