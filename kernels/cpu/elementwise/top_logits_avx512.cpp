// top_logits: see top_logits_simd.h.
#include "kernels/cpu/elementwise/top_logits_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> top_logits_avx512 =
    kernel<Op::top_logits, top_logits<Arch>, top_items, single_item<TopArgs>>(
        "elementwise/top_logits/avx512", DType::f32, DType::f32,
        isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);

}  // namespace engine::cpu
