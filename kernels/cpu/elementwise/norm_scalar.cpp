// rms_norm and layer_norm of each vector; sums over ascending i in double.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

int64_t items(const NormArgs& a) {
  return static_cast<int64_t>(*a.n_rows) * a.groups;
}
int64_t grain(const NormArgs& a) {
  return a.groups;
}

// y = residual + (x - mean) * inverse * weight + bias
void apply(const NormArgs& a, const float* x, float mean, float inverse, const float* residual,
           float* y, int64_t len) {
  for (int64_t i = 0; i < len; ++i) {
    float v = (x[i] - mean) * inverse;
    if (a.weight != nullptr) v *= a.weight[i];
    if (a.bias != nullptr) v += a.bias[i];
    y[i] = residual != nullptr ? residual[i] + v : v;
  }
}

template <bool centred>
void run(const NormArgs& a, Range range, Ctx&) {
  const int64_t len = a.x.ne[0] / a.groups;
  for (int64_t item = range.begin; item < range.end; ++item) {
    const int64_t row = item / a.groups, at = item % a.groups * len;
    const float* x = reinterpret_cast<const float*>(a.x.row(row)) + at;
    double mean = 0, squares = 0;
    if (centred) {
      for (int64_t i = 0; i < len; ++i) mean += x[i];
      mean /= static_cast<double>(len);
    }
    for (int64_t i = 0; i < len; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double inverse = 1.0 / __builtin_sqrt(squares / static_cast<double>(len) + a.eps);
    const float* residual =
        a.residual ? reinterpret_cast<const float*>(a.residual.row(row)) + at : nullptr;
    apply(a, x, static_cast<float>(mean), static_cast<float>(inverse), residual,
          reinterpret_cast<float*>(a.y.row(row)) + at, len);
  }
}

}  // namespace

extern constinit const Kernel<Ctx> rms_norm_scalar = kernel<Op::rms_norm, run<false>, items, grain>(
    "elementwise/rms_norm/scalar", DType::f32, DType::f32, 0, 0);
extern constinit const Kernel<Ctx> layer_norm_scalar =
    kernel<Op::layer_norm, run<true>, items, grain>("elementwise/layer_norm/scalar", DType::f32,
                                                    DType::f32, 0, 0);

}  // namespace engine::cpu
