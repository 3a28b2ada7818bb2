// 16-bit floats with the conversion instructions of F16C; the loops of bf16 are vectorised by the compiler.
#include <immintrin.h>

#include "engine/core/cpu_features.h"
#include "engine/quantize/float16.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {
namespace {

constexpr uint64_t kNeeds = isa::avx2 | isa::f16c;

void row_f16(const float* x, const float*, std::byte* out, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) bits::put_half(out + 2 * i, 0, x[i]);
}

void widen_f16(const std::byte* in, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(
        y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 2 * i))));
  for (; i < n; ++i) y[i] = bits::half(in + 2 * i, 0);
}

}  // namespace

extern const Quantizer f16_avx2{DType::f16, "avx2", kNeeds, row_f16};
extern const Quantizer bf16_avx2{DType::bf16, "avx2", kNeeds, row_bf16};
extern const Widener widen_f16_avx2{DType::f16, "avx2", kNeeds, widen_f16};
extern const Widener widen_bf16_avx2{DType::bf16, "avx2", kNeeds, widen_bf16};

}  // namespace engine::quant
