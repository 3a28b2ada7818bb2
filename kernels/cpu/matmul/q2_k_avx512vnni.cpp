// q2_k on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q2_k_avx512vnni = vnni_kernel<Q2_K>("matmul/q2_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q2_k_avx512vnni = vnni_kernel<Q2_K>("expert_matmul/q2_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
