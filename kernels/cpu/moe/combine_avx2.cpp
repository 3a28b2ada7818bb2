// combine: see combine_simd.h.
#include "kernels/cpu/moe/combine_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> combine_avx2 =
    kernel<Op::combine, combine<Arch>, row_items<CombineArgs>, single_item<CombineArgs>>(
        "moe/combine/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);

}  // namespace engine::cpu
