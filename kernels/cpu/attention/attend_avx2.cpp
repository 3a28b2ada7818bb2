// attend over f16 and q8_0 caches: see attend_simd.h.
#include "kernels/cpu/attention/attend_simd.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> attend_f16_avx2 = attend_kernel<Avx2Vec, uint16_t>(
    "attention/attend_f16/avx2", DType::f16, isa::avx2 | isa::fma | isa::f16c, 20);
extern constinit const Kernel<Ctx> attend_q8_0_avx2 = attend_kernel<Avx2Vec, int8_t>(
    "attention/attend_q8_0/avx2", DType::q8_0, isa::avx2 | isa::fma | isa::f16c, 20);

}  // namespace engine::cpu
