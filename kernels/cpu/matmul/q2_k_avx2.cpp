// q2_k on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q2_k_avx2 = avx2_kernel<Q2_K>("matmul/q2_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q2_k_avx2 = avx2_kernel<Q2_K>("expert_matmul/q2_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
