// iq4_xs on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_xs_avx2 = avx2_kernel<Iq4Xs>("matmul/iq4_xs/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_xs_avx2 = avx2_kernel<Iq4Xs>("expert_matmul/iq4_xs/avx2", Op::expert_matmul);

}  // namespace engine::cpu
