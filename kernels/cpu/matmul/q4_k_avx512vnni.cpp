// What     y = W x, W q4_k, x a8x32, on AVX-512 VNNI;
//          codec Q4_K in codec_k.h, formula and tiles in tile_avx512vnni.h
// Layout   block of 16 rows: d dmin | scales and minima 3, nibbles 32; rows side by side (pack.h)
// Measured 252 columns 159 GMAC/s, 8 columns 137 GMAC/s (weights from DRAM),
//          1 column 29 GB/s (DRAM roof of the machine 42 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 2048, best of 12 by thread time
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_k_avx512vnni =
    vnni_kernel<Q4_K>("matmul/q4_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_k_avx512vnni =
    vnni_kernel<Q4_K>("expert_matmul/q4_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
