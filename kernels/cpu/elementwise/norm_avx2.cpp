// rms_norm, layer_norm: see norm_simd.h.
#include "kernels/cpu/elementwise/norm_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> rms_norm_avx2 =
    kernel<Op::rms_norm, norm<Arch, false>, norm_items, norm_grain>(
        "elementwise/rms_norm/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
extern constinit const Kernel<Ctx> layer_norm_avx2 =
    kernel<Op::layer_norm, norm<Arch, true>, norm_items, norm_grain>(
        "elementwise/layer_norm/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c,
        20);

}  // namespace engine::cpu
