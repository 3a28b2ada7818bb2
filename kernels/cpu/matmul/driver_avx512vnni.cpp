// Matmul driver for AVX-512: panels of 16 rows. The walk is in driver.h; here are the epilogue and
// the sums of activation codes.
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
  static constexpr int64_t kPassBytes = 512 << 10;  // Zen 4 has 1 MB of L2 per core

  // out[i] = factor * sum of q[i * sub, +sub)
  static void shifts(const int8_t* q, int64_t k, int sub, int factor, int32_t* out) {
    const __m512i ones = _mm512_set1_epi8(1), f = _mm512_set1_epi32(factor);
    const int per = sub == 32 ? 0x0101 : 0x1111;  // lanes that hold a result
    for (int64_t i = 0; i < k; i += 64) {
      const int64_t left = k - i;
      const __m512i v =
          left >= 64 ? _mm512_loadu_si512(q + i) : _mm512_maskz_loadu_epi8(0xffffffffu, q + i);
      __m512i s = _mm512_dpbusd_epi32(_mm512_setzero_si512(), ones, v);
      s = _mm512_add_epi32(s, _mm512_shuffle_epi32(s, _MM_PERM_CDAB));
      s = _mm512_add_epi32(s, _mm512_shuffle_epi32(s, _MM_PERM_BADC));
      if (sub == 32) s = _mm512_add_epi32(s, _mm512_shuffle_i64x2(s, s, 0xb1));
      const __m512i r =
          _mm512_maskz_compress_epi32(static_cast<__mmask16>(per), _mm512_mullo_epi32(s, f));
      const int n = static_cast<int>((left < 64 ? left : 64) / sub);
      _mm512_mask_storeu_epi32(out + i / sub, static_cast<__mmask16>((1u << n) - 1), r);
    }
  }

  static void finish(const Epilogue& e, const float* v16, const float* up16, int64_t row0, int rows,
                     const float* residual, float* y) {
    const __mmask16 m = static_cast<__mmask16>((1u << rows) - 1);
    __m512 v = _mm512_load_ps(v16);
    if (e.bias) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, e.bias + row0));
    if (e.scale != 1) v = _mm512_mul_ps(v, _mm512_set1_ps(e.scale));
    if (e.softcap != 0)
      v = _mm512_mul_ps(_mm512_set1_ps(e.softcap),
                        vec_tanh(_mm512_div_ps(v, _mm512_set1_ps(e.softcap))));
    v = activate(e.act, v);
    if (up16) v = _mm512_mul_ps(v, _mm512_load_ps(up16));
    if (residual) v = _mm512_add_ps(_mm512_maskz_loadu_ps(m, residual), v);
    _mm512_mask_storeu_ps(y, m, v);
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
