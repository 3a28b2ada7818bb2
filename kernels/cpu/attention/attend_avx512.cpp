// attend over f16 and q8_0 caches: see attend_simd.h.
#include "kernels/cpu/attention/attend_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> attend_f16_avx512 = attend_kernel<Avx512Vec, uint16_t>(
    "attention/attend_f16/avx512", DType::f16, isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);
extern constinit const Kernel<Ctx> attend_q8_0_avx512 =
    attend_kernel<Avx512Vec, int8_t>("attention/attend_q8_0/avx512", DType::q8_0,
                                     isa::avx2 | isa::fma | isa::f16c | isa::avx512, 30);

}  // namespace engine::cpu
