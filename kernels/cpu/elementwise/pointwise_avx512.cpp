// softcap, glu: see pointwise_simd.h.
// add and scale are bound by memory and gain nothing from 512 bits.
#include "kernels/cpu/elementwise/pointwise_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> softcap_avx512 =
    kernel<Op::softcap, softcap<Arch>, row_items<SoftcapArgs>, single_item<SoftcapArgs>>(
        "elementwise/softcap/avx512", DType::f32, DType::f32,
        isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);
extern constinit const Kernel<Ctx> glu_avx512 =
    kernel<Op::glu, glu<Arch>, row_items<GluArgs>, single_item<GluArgs>>(
        "elementwise/glu/avx512", DType::f32, DType::f32,
        isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);

}  // namespace engine::cpu
