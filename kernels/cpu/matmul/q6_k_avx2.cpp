// What     y = W x, W q6_k, x a8x32, on AVX2;
//          codec Q6_K in codec_k.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d | low bits 32, high bits 16, scales 4; rows side by side (pack.h)
// Measured 252 columns 81 GMAC/s, 8 columns 66 GMAC/s (weights from DRAM),
//          1 column 20 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q6_k_avx2 =
    avx2_kernel<Q6_K>("matmul/q6_k/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q6_k_avx2 =
    avx2_kernel<Q6_K>("expert_matmul/q6_k/avx2", Op::expert_matmul);

}  // namespace engine::cpu
