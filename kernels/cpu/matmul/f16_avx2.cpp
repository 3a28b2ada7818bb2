// What     y = W x, W f16, x f32, on AVX2;
//          codec F16 in float_tile.h, formula and tiles in float_tile.h
// Layout   panel of 8 rows: [k] rows of f16; rows side by side (pack.h)
// Measured 512 columns 50 GMAC/s, 1 column 22 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_f16_avx2 =
    avx2_float_kernel<F16>("matmul/f16/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f16_avx2 =
    avx2_float_kernel<F16>("expert_matmul/f16/avx2", Op::expert_matmul);

}  // namespace engine::cpu
