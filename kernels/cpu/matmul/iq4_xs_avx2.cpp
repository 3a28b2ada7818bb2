// What     y = W x, W iq4_xs, x a8x32, on AVX2;
//          codec Iq4Xs in codec_k.h, formula and tiles in tile_k_avx2.h
// Layout   block of 8 rows: d, high bits of scales | low bits of scales 1, table indices 32;
//          rows side by side (pack.h)
// Measured 512 columns 66 GMAC/s, 1 column 19 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_xs_avx2 =
    avx2_block_kernel<Iq4Xs>("matmul/iq4_xs/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_xs_avx2 =
    avx2_block_kernel<Iq4Xs>("expert_matmul/iq4_xs/avx2", Op::expert_matmul);

}  // namespace engine::cpu
