// q4_0 on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_0_avx2 = avx2_kernel<Q4_0>("matmul/q4_0/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_0_avx2 = avx2_kernel<Q4_0>("expert_matmul/q4_0/avx2", Op::expert_matmul);

}  // namespace engine::cpu
