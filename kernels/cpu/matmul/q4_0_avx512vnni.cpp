// q4_0 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_0_avx512vnni = vnni_kernel<Q4_0>("matmul/q4_0/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_0_avx512vnni = vnni_kernel<Q4_0>("expert_matmul/q4_0/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
