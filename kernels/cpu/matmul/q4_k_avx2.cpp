// q4_k on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_k_avx2 = avx2_kernel<Q4_K>("matmul/q4_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_k_avx2 = avx2_kernel<Q4_K>("expert_matmul/q4_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
