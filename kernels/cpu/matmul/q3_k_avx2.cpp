// q3_k on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q3_k_avx2 = avx2_kernel<Q3_K>("matmul/q3_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q3_k_avx2 = avx2_kernel<Q3_K>("expert_matmul/q3_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
