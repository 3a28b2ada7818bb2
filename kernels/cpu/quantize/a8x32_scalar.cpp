// quantize_act to a8x32: rows of float to the planar int8 columns of kernels/types/a8x32.h.
// Per 32: m = max|x|; q = x * (127 / m) to nearest even; d = m / 127; sums of the codes are exact,
// then one product with d. m so small that 127 / m is infinite counts as zero.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"
#include "kernels/types/a8x32.h"

namespace engine::cpu {
namespace {

void quantize_row(const float* x, int64_t k, std::byte* column) {
  int8_t* q = reinterpret_cast<int8_t*>(column);
  float* d = reinterpret_cast<float*>(column + k);
  float* dsum = d + k / 32;
  int32_t* shift = reinterpret_cast<int32_t*>(dsum + k / 32);
  for (int64_t b = 0; b < k / 32; ++b, x += 32, q += 32) {
    float largest = 0;
    for (int i = 0; i < 32; ++i)
      largest = __builtin_fabsf(x[i]) > largest ? __builtin_fabsf(x[i]) : largest;
    const float inverse = 127.0f / largest;
    const bool zero = !(inverse <= __FLT_MAX__);
    int sum = 0;
    for (int i = 0; i < 32; ++i) {
      const float r = zero ? 0.0f : __builtin_rintf(x[i] * inverse);
      // no number: -127
      q[i] = static_cast<int8_t>(r > -127.0f ? (r < 127.0f ? r : 127.0f) : -127.0f);
      sum += q[i];
    }
    d[b] = zero ? 0.0f : largest / 127.0f;
    dsum[b] = d[b] * static_cast<float>(sum);
    shift[b] = -128 * sum;
  }
}

void run(const QuantizeArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r)
    quantize_row(reinterpret_cast<const float*>(a.x.row(r)), a.x.ne[0], a.y.row(r));
}

}  // namespace

extern constinit const Kernel<Ctx> quantize_act_a8x32_scalar =
    kernel<Op::quantize_act, run, row_items<QuantizeArgs>, single_item<QuantizeArgs>>(
        "quantize/a8x32/scalar", DType::a8x32, DType::f32, 0, 0);

}  // namespace engine::cpu
