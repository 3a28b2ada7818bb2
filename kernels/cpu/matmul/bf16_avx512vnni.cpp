// bf16 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_bf16_avx512vnni = vnni_float_kernel<BF16>("matmul/bf16/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_bf16_avx512vnni = vnni_float_kernel<BF16>("expert_matmul/bf16/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
