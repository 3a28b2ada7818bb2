// q4_1 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_1_avx512vnni = vnni_kernel<Q4_1>("matmul/q4_1/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_1_avx512vnni = vnni_kernel<Q4_1>("expert_matmul/q4_1/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
