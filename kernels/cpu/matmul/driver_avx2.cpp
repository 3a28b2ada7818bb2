// Matmul driver for AVX2: panels of 8 rows. The walk is in driver.h; here is the epilogue.
#include <immintrin.h>

#include "kernels/cpu/elementwise/exp.h"
#include "kernels/cpu/matmul/driver.h"

namespace engine::cpu {
namespace {

// x / (1 + e^-t)
inline __m256 logistic(__m256 x, __m256 t) {
  return _mm256_div_ps(
      x, _mm256_add_ps(_mm256_set1_ps(1), vec_exp(_mm256_sub_ps(_mm256_setzero_ps(), t))));
}

inline __m256 activate(Act act, __m256 v) {
  switch (act) {
    case Act::silu:
      return logistic(v, v);
    case Act::gelu_tanh: {  // v / 2 (1 + tanh u) = v / (1 + e^-2u)
      const __m256 u = _mm256_mul_ps(
          _mm256_set1_ps(2 * 0.797884560802865356f),
          _mm256_fmadd_ps(_mm256_mul_ps(_mm256_mul_ps(v, v), v), _mm256_set1_ps(0.044715f), v));
      return logistic(v, u);
    }
    case Act::relu:
      return _mm256_max_ps(_mm256_setzero_ps(), v);  // NaN stays: the second operand wins
    case Act::none:
      break;
  }
  return v;
}

struct Avx2 {
  static constexpr int kRows = 8;
  // Zen 3 and later have 512 KB of L2 per core or more.
  static constexpr int64_t kPassBytes = 256 << 10;

  // v8, up8: [count][8]
  static void finish(const Epilogue& e, const float* v8, const float* up8, int64_t row0, int rows,
                     int count, const float* const* residual, float* const* y) {
    const __m256i m =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(rows), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    const bool as_is =
        !e.bias && e.scale == 1 && e.softcap == 0 && e.act == Act::none && up8 == nullptr;
    for (int c = 0; c < count; ++c) {
      __m256 v = _mm256_load_ps(v8 + 8 * c);
      if (!as_is) v = change(e, v, up8 ? up8 + 8 * c : nullptr, row0, m);
      if (residual) v = _mm256_add_ps(_mm256_maskload_ps(residual[c] + row0, m), v);
      if (rows == 8)  // a masked store is several times slower
        _mm256_storeu_ps(y[c] + row0, v);
      else
        _mm256_maskstore_ps(y[c] + row0, m, v);
    }
  }

  static __m256 change(const Epilogue& e, __m256 v, const float* up, int64_t row0, __m256i m) {
    if (e.bias) v = _mm256_add_ps(v, _mm256_maskload_ps(e.bias + row0, m));
    if (e.scale != 1) v = _mm256_mul_ps(v, _mm256_set1_ps(e.scale));
    if (e.softcap != 0)
      v = _mm256_mul_ps(_mm256_set1_ps(e.softcap),
                        vec_tanh(_mm256_div_ps(v, _mm256_set1_ps(e.softcap))));
    v = activate(e.act, v);
    return up ? _mm256_mul_ps(v, _mm256_load_ps(up)) : v;
  }
};

using Drive = Walk<Avx2>;

}  // namespace

void drive_avx2(const void* args, Range items, Ctx& ctx) noexcept {
  Drive::run(args, items, ctx);
}
int64_t drive_items_avx2(const void* args) noexcept {
  return Drive::items(args);
}
int64_t drive_grain_avx2(const void* args) noexcept {
  return Drive::grain(args);
}
size_t drive_scratch_avx2(const void* args) noexcept {
  return Drive::scratch(args);
}
int64_t drive_pass_avx2(const void* args) noexcept {
  return Drive::pass_cols(*static_cast<const MatmulArgs*>(args));
}

}  // namespace engine::cpu
