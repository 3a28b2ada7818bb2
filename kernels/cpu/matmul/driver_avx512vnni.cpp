// Matmul driver for AVX-512: panels of 16 rows. The walk is in driver.h; here is the epilogue.
#include <immintrin.h>

#include "kernels/cpu/elementwise/exp.h"
#include "kernels/cpu/matmul/driver.h"

namespace engine::cpu {
namespace {

// x / (1 + e^-t)
inline __m512 logistic(__m512 x, __m512 t) {
  return _mm512_div_ps(
      x, _mm512_add_ps(_mm512_set1_ps(1), vec_exp(_mm512_sub_ps(_mm512_setzero_ps(), t))));
}

inline __m512 activate(Act act, __m512 v) {
  switch (act) {
    case Act::silu:
      return logistic(v, v);
    case Act::gelu_tanh: {  // v / 2 (1 + tanh u) = v / (1 + e^-2u)
      const __m512 u = _mm512_mul_ps(
          _mm512_set1_ps(2 * 0.797884560802865356f),
          _mm512_fmadd_ps(_mm512_mul_ps(_mm512_mul_ps(v, v), v), _mm512_set1_ps(0.044715f), v));
      return logistic(v, u);
    }
    case Act::relu:
      return _mm512_max_ps(_mm512_setzero_ps(), v);  // NaN stays: the second operand wins
    case Act::none:
      break;
  }
  return v;
}

struct Avx512 {
  static constexpr int kRows = 16;
  static constexpr int64_t kPassBytes = 640 << 10;  // Zen 4 has 1 MB of L2 per core

  // v16, up16: [count][16]
  static void finish(const Epilogue& e, const float* v16, const float* up16, int64_t row0, int rows,
                     int count, const float* const* residual, float* const* y) {
    const __mmask16 m = static_cast<__mmask16>((1u << rows) - 1);
    const bool as_is =
        !e.bias && e.scale == 1 && e.softcap == 0 && e.act == Act::none && up16 == nullptr;
    for (int c = 0; c < count; ++c) {
      __m512 v = _mm512_load_ps(v16 + 16 * c);
      if (!as_is) v = change(e, v, up16 ? up16 + 16 * c : nullptr, row0, m);
      if (residual) v = _mm512_add_ps(_mm512_maskz_loadu_ps(m, residual[c] + row0), v);
      if (rows == 16)  // a masked store is several times slower
        _mm512_storeu_ps(y[c] + row0, v);
      else
        _mm512_mask_storeu_ps(y[c] + row0, m, v);
    }
  }

  static __m512 change(const Epilogue& e, __m512 v, const float* up, int64_t row0, __mmask16 m) {
    if (e.bias) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, e.bias + row0));
    if (e.scale != 1) v = _mm512_mul_ps(v, _mm512_set1_ps(e.scale));
    if (e.softcap != 0)
      v = _mm512_mul_ps(_mm512_set1_ps(e.softcap),
                        vec_tanh(_mm512_div_ps(v, _mm512_set1_ps(e.softcap))));
    v = activate(e.act, v);
    return up ? _mm512_mul_ps(v, _mm512_load_ps(up)) : v;
  }
};

using Drive = Walk<Avx512>;

}  // namespace

void drive_avx512vnni(const void* args, Range items, Ctx& ctx) noexcept {
  Drive::run(args, items, ctx);
}
int64_t drive_items_avx512vnni(const void* args) noexcept {
  return Drive::items(args);
}
int64_t drive_grain_avx512vnni(const void* args) noexcept {
  return Drive::grain(args);
}
size_t drive_scratch_avx512vnni(const void* args) noexcept {
  return Drive::scratch(args);
}
int64_t drive_pass_avx512vnni(const void* args) noexcept {
  return Drive::pass_cols(*static_cast<const MatmulArgs*>(args));
}

}  // namespace engine::cpu
