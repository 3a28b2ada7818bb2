// f32 on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_f32_avx2 = avx2_float_kernel<F32>("matmul/f32/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f32_avx2 = avx2_float_kernel<F32>("expert_matmul/f32/avx2", Op::expert_matmul);

}  // namespace engine::cpu
