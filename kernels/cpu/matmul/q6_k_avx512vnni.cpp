// What     y = W x, W q6_k, x a8x32, on AVX-512 VNNI;
//          codec Q6_K in codec_k.h, formula and tiles in tile_k_avx512vnni.h
// Layout   block of 16 rows: d | scales 4, twice: high bits 8, low bits 16; side by side (pack.h)
// Measured 512 columns 150 GMAC/s, 1 column 25 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_k_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q6_k_avx512vnni =
    vnni_block_kernel<Q6_K>("matmul/q6_k/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q6_k_avx512vnni =
    vnni_block_kernel<Q6_K>("expert_matmul/q6_k/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
