// What     y = W x, W iq4_nl, x a8x32, on AVX-512 VNNI;
//          codec Iq4Nl in codec_32.h, formula and tiles in tile_avx512vnni.h
// Layout   block of 16 rows: d | 4 words of table indices; rows side by side (pack.h)
// Measured 512 columns 173 GMAC/s, 1 column 27 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_nl_avx512vnni =
    vnni_kernel<Iq4Nl>("matmul/iq4_nl/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_nl_avx512vnni =
    vnni_kernel<Iq4Nl>("expert_matmul/iq4_nl/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
