// What     y = W x, W q3_k, x a8x32, on AVX2;
//          codec Q3_K in codec_k.h, formula and tiles in tile_k_avx2.h
// Layout   block of 8 rows: d | scales 3, bit 2: 8, low bits 16; rows side by side (pack.h)
// Measured 512 columns 113 GMAC/s, 1 column 13 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q3_k_avx2 =
    avx2_block_kernel<Q3_K>("matmul/q3_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q3_k_avx2 =
    avx2_block_kernel<Q3_K>("expert_matmul/q3_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
