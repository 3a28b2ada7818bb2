// q4_k on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_k_avx512vnni = vnni_kernel<Q4_K>("matmul/q4_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_k_avx512vnni = vnni_kernel<Q4_K>("expert_matmul/q4_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
