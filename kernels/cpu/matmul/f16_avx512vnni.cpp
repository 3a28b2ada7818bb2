// f16 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_f16_avx512vnni = vnni_float_kernel<F16>("matmul/f16/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f16_avx512vnni = vnni_float_kernel<F16>("expert_matmul/f16/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
