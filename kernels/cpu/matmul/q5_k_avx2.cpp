// What     y = W x, W q5_k, x a8x32, on AVX2;
//          codec Q5_K in codec_k.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d dmin | scales and minima 3, fifth bits 8, nibbles 32;
//          rows side by side (pack.h)
// Measured 252 columns 106 GMAC/s, 8 columns 81 GMAC/s (weights from DRAM),
//          1 column 19 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q5_k_avx2 =
    avx2_kernel<Q5_K>("matmul/q5_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q5_k_avx2 =
    avx2_kernel<Q5_K>("expert_matmul/q5_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
