// What     y = W x, W q8_0, x a8x32, on AVX-512 VNNI;
//          codec Q8_0 in codec_32.h, formula and tiles in tile_avx512vnni.h
// Layout   block of 16 rows: d | 8 words of bytes; rows side by side (pack.h)
// Measured 512 columns 173 GMAC/s, 1 column 29 GB/s (read bandwidth of one core 33 GB/s);
//          AMD Zen 4 (2 cores), 1 thread, k = 1536, weights from DRAM, bench_kernels
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_q8_0_avx512vnni =
    vnni_kernel<Q8_0>("matmul/q8_0/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q8_0_avx512vnni =
    vnni_kernel<Q8_0>("expert_matmul/q8_0/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
