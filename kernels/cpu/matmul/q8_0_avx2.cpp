// q8_0 on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q8_0_avx2 = avx2_kernel<Q8_0>("matmul/q8_0/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q8_0_avx2 = avx2_kernel<Q8_0>("expert_matmul/q8_0/avx2", Op::expert_matmul);

}  // namespace engine::cpu
