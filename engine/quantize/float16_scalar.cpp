// 16-bit floats, portable.
#include "engine/quantize/float16.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {
namespace {

void row_f16(const float* x, const float*, std::byte* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) bits::put_half(out + 2 * i, 0, x[i]);
}

void widen_f16(const std::byte* in, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = bits::half(in + 2 * i, 0);
}

}  // namespace

extern const Quantizer f32_scalar{DType::f32, "scalar", 0, row_f32};
extern const Quantizer f16_scalar{DType::f16, "scalar", 0, row_f16};
extern const Quantizer bf16_scalar{DType::bf16, "scalar", 0, row_bf16};
extern const Widener widen_f16_scalar{DType::f16, "scalar", 0, widen_f16};
extern const Widener widen_bf16_scalar{DType::bf16, "scalar", 0, widen_bf16};

}  // namespace engine::quant
