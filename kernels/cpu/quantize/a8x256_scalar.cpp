// quantize_act to a8x256: rows of float to the planar int8 columns of kernels/types/a8x256.h.
// Per 256: m = max|x|, d = m / 1016. Per 32: lift = how many of 2, 4 and 8 times its max|x| exceed m;
// q = x * (1016 / m * 2^-lift) to nearest even. Sums are exact. m so small that 1016 / m is infinite
// counts as zero.

#include "kernels/cpu/items.h"
#include "kernels/cpu/quantize/a8x256_rows.h"

namespace engine::cpu {
namespace {

// sum = 256 * high + low
void split(int sum, int8_t* high, int8_t* low) {
  *high = static_cast<int8_t>((sum + 128) >> 8);
  *low = static_cast<int8_t>(sum - 256 * *high);
}

float largest_of(const float* x, int n) {
  float largest = 0;
  for (int i = 0; i < n; ++i)
    largest = __builtin_fabsf(x[i]) > largest ? __builtin_fabsf(x[i]) : largest;
  return largest;
}

void quantize_block(const float* x, int8_t* q, float* d, int32_t* total, int32_t* lift,
                    BlockSums* sums, int32_t* shift, WholeSums* whole) {
  const float m = largest_of(x, 256), inverse = 1016.0f / m;
  const bool zero = !(inverse <= __FLT_MAX__);
  *d = zero ? 0.0f : m / 1016.0f;
  *total = 0;
  for (int s = 0; s < 8; ++s) {
    const float most = largest_of(x + 32 * s, 32);
    lift[s] = (2 * most > m) + (4 * most > m) + (8 * most > m);
    const float factor = inverse * (1.0f / static_cast<float>(1 << lift[s]));
    int sum[2] = {0, 0};
    for (int i = 0; i < 32; ++i) {
      const float r = zero ? 0.0f : __builtin_rintf(x[32 * s + i] * factor);
      // no number: -127
      q[32 * s + i] = static_cast<int8_t>(r > -127.0f ? (r < 127.0f ? r : 127.0f) : -127.0f);
      sum[i / 16] += q[32 * s + i];
    }
    for (int h = 0; h < 2; ++h) {
      shift[2 * s + h] = -32 * sum[h];
      const int lifted = sum[h] * (1 << lift[s]);
      split(lifted, &sums->high16[2 * s + h], &sums->low16[2 * s + h]);
      whole->of16[2 * s + h] = static_cast<int16_t>(lifted);
    }
    const int both = (sum[0] + sum[1]) * (1 << lift[s]);
    split(both, &sums->high32[s], &sums->low32[s]);
    whole->of32[s] = static_cast<int16_t>(both);
    *total += both;
  }
}

}  // namespace

extern constinit const Kernel<Ctx> quantize_act_a8x256_scalar =
    kernel<Op::quantize_act, quantize_rows<quantize_block>, row_items<QuantizeArgs>,
           single_item<QuantizeArgs>>("quantize/a8x256/scalar", DType::a8x256, DType::f32, 0, 0);

}  // namespace engine::cpu
