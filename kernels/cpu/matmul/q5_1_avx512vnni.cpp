// q5_1 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q5_1_avx512vnni = vnni_kernel<Q5_1>("matmul/q5_1/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q5_1_avx512vnni = vnni_kernel<Q5_1>("expert_matmul/q5_1/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
