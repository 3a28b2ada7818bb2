// What     y = W x, W q4_0, x a8x32, on AVX-512 VNNI;
//          codec Q4_0 in codec_32.h, formula and tiles in tile_avx512vnni.h
// Layout   block of 16 rows: d | 4 words of nibbles; rows side by side (pack.h)
// Measured 512 columns 178 GMAC/s, 1 column 32 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q4_0_avx512vnni =
    vnni_kernel<Q4_0>("matmul/q4_0/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_0_avx512vnni =
    vnni_kernel<Q4_0>("expert_matmul/q4_0/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
