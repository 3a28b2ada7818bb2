// add, scale, softcap, glu: see pointwise_simd.h.
#include "kernels/cpu/elementwise/pointwise_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> add_avx2 =
    kernel<Op::add, add<Arch>, row_items<AddArgs>, single_item<AddArgs>>(
        "elementwise/add/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
extern constinit const Kernel<Ctx> scale_avx2 =
    kernel<Op::scale, scale<Arch>, row_items<ScaleArgs>, single_item<ScaleArgs>>(
        "elementwise/scale/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
extern constinit const Kernel<Ctx> softcap_avx2 =
    kernel<Op::softcap, softcap<Arch>, row_items<SoftcapArgs>, single_item<SoftcapArgs>>(
        "elementwise/softcap/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
extern constinit const Kernel<Ctx> glu_avx2 =
    kernel<Op::glu, glu<Arch>, row_items<GluArgs>, single_item<GluArgs>>(
        "elementwise/glu/avx2", DType::f32, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);

}  // namespace engine::cpu
