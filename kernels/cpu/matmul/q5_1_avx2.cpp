// What     y = W x, W q5_1, x a8x32, on AVX2;
//          codec Q5_1 in codec_32.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d m | fifth bits, 4 words of nibbles; rows side by side (pack.h)
// Measured 512 columns 103 GMAC/s, 1 column 27 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q5_1_avx2 =
    avx2_kernel<Q5_1>("matmul/q5_1/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q5_1_avx2 =
    avx2_kernel<Q5_1>("expert_matmul/q5_1/avx2", Op::expert_matmul);

}  // namespace engine::cpu
