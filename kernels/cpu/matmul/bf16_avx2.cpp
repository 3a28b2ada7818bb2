// bf16 on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_bf16_avx2 = avx2_float_kernel<BF16>("matmul/bf16/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_bf16_avx2 = avx2_float_kernel<BF16>("expert_matmul/bf16/avx2", Op::expert_matmul);

}  // namespace engine::cpu
