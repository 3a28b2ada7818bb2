// What     y = W x, W iq4_xs, x a8x32, on AVX2;
//          codec Iq4Xs in codec_k.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d, high bits of scales | low bits of scales 1, table indices 32;
//          rows side by side (pack.h)
// Measured 252 columns 64 GMAC/s, 8 columns 61 GMAC/s (weights from DRAM),
//          1 column 20 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_xs_avx2 =
    avx2_kernel<Iq4Xs>("matmul/iq4_xs/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_xs_avx2 =
    avx2_kernel<Iq4Xs>("expert_matmul/iq4_xs/avx2", Op::expert_matmul);

}  // namespace engine::cpu
