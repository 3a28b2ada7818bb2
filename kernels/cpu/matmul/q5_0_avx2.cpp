// q5_0 on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q5_0_avx2 = avx2_kernel<Q5_0>("matmul/q5_0/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q5_0_avx2 = avx2_kernel<Q5_0>("expert_matmul/q5_0/avx2", Op::expert_matmul);

}  // namespace engine::cpu
