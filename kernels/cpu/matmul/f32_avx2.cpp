// What     y = W x, W f32, x f32, on AVX2;
//          codec F32 in float_tile.h, formula and tiles in float_tile.h
// Layout   panel of 8 rows: [k] rows of f32; rows side by side (pack.h)
// Measured 252 columns 36 GMAC/s, 8 columns 27 GMAC/s (weights from DRAM),
//          1 column 31 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_f32_avx2 =
    avx2_float_kernel<F32>("matmul/f32/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f32_avx2 =
    avx2_float_kernel<F32>("expert_matmul/f32/avx2", Op::expert_matmul);

}  // namespace engine::cpu
