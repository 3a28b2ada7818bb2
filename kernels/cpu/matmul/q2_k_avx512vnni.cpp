// What     y = W x, W q2_k, x a8x32, on AVX-512 VNNI;
//          codec Q2_K in codec_k.h, formula and tiles in tile_avx512vnni.h
// Layout   block of 16 rows: d dmin | scale and minimum nibbles 4, codes 16;
//          rows side by side (pack.h)
// Measured 252 columns 126 GMAC/s, 8 columns 113 GMAC/s (weights from DRAM),
//          1 column 18 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q2_k_avx512vnni =
    vnni_kernel<Q2_K>("matmul/q2_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q2_k_avx512vnni =
    vnni_kernel<Q2_K>("expert_matmul/q2_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
