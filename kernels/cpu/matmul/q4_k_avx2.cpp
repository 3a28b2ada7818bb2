// What     y = W x, W q4_k, x a8x32, on AVX2;
//          codec Q4_K in codec_k.h, formula and tiles in tile_k_avx2.h
// Layout   block of 8 rows: d dmin | scales and minima 3, nibbles 32; rows side by side (pack.h)
// Measured 512 columns 130 GMAC/s, 1 column 30 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_k_avx2 =
    avx2_block_kernel<Q4_K>("matmul/q4_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_k_avx2 =
    avx2_block_kernel<Q4_K>("expert_matmul/q4_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
