// q6_k on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q6_k_avx2 = avx2_kernel<Q6_K>("matmul/q6_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q6_k_avx2 = avx2_kernel<Q6_K>("expert_matmul/q6_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
