// q3_k on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q3_k_avx512vnni = vnni_kernel<Q3_K>("matmul/q3_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q3_k_avx512vnni = vnni_kernel<Q3_K>("expert_matmul/q3_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
