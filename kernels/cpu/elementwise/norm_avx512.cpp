// rms_norm: see norm_simd.h. layer_norm gains nothing from 512 bits (Zen 4).
#include "kernels/cpu/elementwise/norm_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> rms_norm_avx512 =
    kernel<Op::rms_norm, norm<Arch, false>, norm_items, norm_grain>(
        "elementwise/rms_norm/avx512", DType::f32, DType::f32,
        isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);

}  // namespace engine::cpu
