// q6_k on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q6_k_avx512vnni = vnni_kernel<Q6_K>("matmul/q6_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q6_k_avx512vnni = vnni_kernel<Q6_K>("expert_matmul/q6_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
