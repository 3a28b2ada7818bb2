// add, softcap, scale: one value in, one value out.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"

namespace engine::cpu {
namespace {

void add(const AddArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* x = reinterpret_cast<const float*>(a.a.row(r));
    const float* b = reinterpret_cast<const float*>(a.b.row(r));
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; ++i) y[i] = x[i] + a.scale * b[i];
  }
}

void softcap(const SoftcapArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* x = reinterpret_cast<const float*>(a.x.row(r));
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; ++i) y[i] = a.cap * __builtin_tanhf(x[i] / a.cap);
  }
}

void scale(const ScaleArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float* x = reinterpret_cast<const float*>(a.x.row(r));
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; ++i)
      y[i] = a.vector != nullptr ? x[i] * a.scale * a.vector[i] : x[i] * a.scale;
  }
}

}  // namespace

extern constinit const Kernel<Ctx> add_scalar =
    kernel<Op::add, add, row_items<AddArgs>, single_item<AddArgs>>("elementwise/add/scalar",
                                                                   DType::f32, DType::f32, 0, 0);
extern constinit const Kernel<Ctx> softcap_scalar =
    kernel<Op::softcap, softcap, row_items<SoftcapArgs>, single_item<SoftcapArgs>>(
        "elementwise/softcap/scalar", DType::f32, DType::f32, 0, 0);
extern constinit const Kernel<Ctx> scale_scalar =
    kernel<Op::scale, scale, row_items<ScaleArgs>, single_item<ScaleArgs>>(
        "elementwise/scale/scalar", DType::f32, DType::f32, 0, 0);

}  // namespace engine::cpu
