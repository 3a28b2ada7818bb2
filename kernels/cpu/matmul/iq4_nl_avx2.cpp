// What     y = W x, W iq4_nl, x a8x32, on AVX2;
//          codec Iq4Nl in codec_32.h, formula and tiles in tile_avx2.h
// Layout   block of 8 rows: d | 4 words of table indices; rows side by side (pack.h)
// Measured 512 columns 63 GMAC/s, 1 column 23 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_nl_avx2 =
    avx2_kernel<Iq4Nl>("matmul/iq4_nl/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_nl_avx2 =
    avx2_kernel<Iq4Nl>("expert_matmul/iq4_nl/avx2", Op::expert_matmul);

}  // namespace engine::cpu
