// What     y = W x, W q8_0, x a8x32, on AVX2;
//          codec Q8_0 in codec_32.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d | 8 words of bytes; rows side by side (pack.h)
// Measured 512 columns 64 GMAC/s, 1 column 33 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q8_0_avx2 =
    avx2_kernel<Q8_0>("matmul/q8_0/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q8_0_avx2 =
    avx2_kernel<Q8_0>("expert_matmul/q8_0/avx2", Op::expert_matmul);

}  // namespace engine::cpu
