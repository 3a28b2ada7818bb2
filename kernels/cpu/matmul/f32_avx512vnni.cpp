// f32 on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_f32_avx512vnni = vnni_float_kernel<F32>("matmul/f32/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f32_avx512vnni = vnni_float_kernel<F32>("expert_matmul/f32/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
