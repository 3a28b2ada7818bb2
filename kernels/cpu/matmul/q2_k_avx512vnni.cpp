// What     y = W x, W q2_k, x a8x32, on AVX-512 VNNI;
//          codec Q2_K in codec_k.h, formula and tiles in tile_k_avx512vnni.h
// Layout   block of 16 rows: d dmin | scale and minimum nibbles 4, codes 16;
//          rows side by side (pack.h)
// Measured 512 columns 187 GMAC/s, 1 column 24 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q2_k_avx512vnni =
    vnni_block_kernel<Q2_K>("matmul/q2_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q2_k_avx512vnni =
    vnni_block_kernel<Q2_K>("expert_matmul/q2_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
