// What     y = W x, W q4_1, x a8x32, on AVX2;
//          codec Q4_1 in codec_32.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d m | 4 words of nibbles; rows side by side (pack.h)
// Measured 252 columns 111 GMAC/s, 8 columns 102 GMAC/s (weights from DRAM),
//          1 column 34 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_1_avx2 =
    avx2_kernel<Q4_1>("matmul/q4_1/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_1_avx2 =
    avx2_kernel<Q4_1>("expert_matmul/q4_1/avx2", Op::expert_matmul);

}  // namespace engine::cpu
