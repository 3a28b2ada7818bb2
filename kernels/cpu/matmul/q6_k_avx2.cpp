// What     y = W x, W q6_k, x a8x32, on AVX2;
//          codec Q6_K in codec_k.h, formula and tiles in tile_k_avx2.h
// Layout   block of 8 rows: d | scales 4, twice: high bits 8, low bits 16; side by side (pack.h)
// Measured 512 columns 93 GMAC/s, 1 column 26 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q6_k_avx2 =
    avx2_block_kernel<Q6_K>("matmul/q6_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q6_k_avx2 =
    avx2_block_kernel<Q6_K>("expert_matmul/q6_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
