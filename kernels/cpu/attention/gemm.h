// What     C[rows][lanes] (+)= A[rows][k] (broadcast) * B[k][lanes]: both products of attention.
//          S = Q * K page: B is the transposed page, k = d. O = P * V page: k = keys.
// Tiles    6 rows x 2 vectors (AVX2) or x 4 (AVX-512).
// Order    one fma per k, ascending: an element of C does not depend on the tile.
// B        halves, codes or floats, converted while they are loaded.
#pragma once

#include <cstddef>

#include "kernels/cpu/attention/vec.h"

namespace engine::cpu {
namespace {

constexpr int kMicroRows = 6;

// Rows of numbers, ld elements from one to the next.
template <class T>
struct Plane {
  const T* p;
  int64_t ld;
  Plane right(int64_t lanes) const { return {p + lanes, ld}; }
  Plane down(int64_t rows) const { return {p + rows * ld, ld}; }
};

// Bytes that the next product will read: a part is fetched with each k of this one. The processor
// does not do that by itself: planes are too short for it to see the pattern.
struct Ahead {
  const std::byte* p = nullptr;  // nullptr: nothing
  int64_t bytes_per_k = 0;
  void fetch(int64_t k) const {
    for (int64_t i = 0; i < bytes_per_k; i += 64) __builtin_prefetch(p + k * bytes_per_k + i, 0, 2);
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
  for (int64_t d = 0; d < k; d++) {
    typename V::Reg bv[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++) bv[j] = V::load(b.p + d * b.ld + j * V::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
      const typename V::Reg av = V::set1(a[i * lda + d]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; j++) acc[i][j] = V::fma(av, bv[j], acc[i][j]);
    }
    if (ahead.p != nullptr) ahead.fetch(d);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; j++) V::store(c + i * ldc + j * V::kLanes, acc[i][j]);
}

template <class V, int kVectors, class B>
void micro_rows(int rows, const float* a, int64_t lda, const B b, int64_t k, float* c, int64_t ldc,
                bool accumulate, const Ahead ahead) {
  switch (rows) {
    case 1:
      return micro<V, 1, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
    case 2:
      return micro<V, 2, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
    case 3:
      return micro<V, 3, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
    case 4:
      return micro<V, 4, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
    case 5:
      return micro<V, 5, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
    default:
      return micro<V, 6, kVectors>(a, lda, b, k, c, ldc, accumulate, ahead);
  }
}

template <class V, class B>
void gemm(int rows, int vectors, const float* a, int64_t lda, B b, int64_t k, float* c, int64_t ldc,
          bool accumulate, Ahead ahead = {}) {
  const int blocks = (rows + kMicroRows - 1) / kMicroRows;
  for (int v = 0; v < vectors; v += V::kTileVectors) {
    const int left = vectors - v;
    for (int i = 0; i < blocks; i++) {
      const int r = rows * i / blocks, n = rows * (i + 1) / blocks - r;
      const float* ar = a + r * lda;
      float* cr = c + r * ldc;
      if constexpr (V::kTileVectors == 4) {
        if (left >= 4)
          micro_rows<V, 4>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
        else if (left == 3)
          micro_rows<V, 3>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
        else if (left == 2)
          micro_rows<V, 2>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
        else
          micro_rows<V, 1>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
      } else {
        if (left >= 2)
          micro_rows<V, 2>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
        else
          micro_rows<V, 1>(n, ar, lda, b, k, cr, ldc, accumulate, ahead);
      }
    }
    ahead = {};  // all of it is under way
    b = b.right(V::kTileVectors * V::kLanes);
    c += V::kTileVectors * V::kLanes;
  }
}

}  // namespace
}  // namespace engine::cpu
