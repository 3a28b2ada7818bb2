// iq4_nl on AVX2.
#include "kernels/cpu/matmul/tile_avx2.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_nl_avx2 = avx2_kernel<Iq4Nl>("matmul/iq4_nl/avx2", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_nl_avx2 = avx2_kernel<Iq4Nl>("expert_matmul/iq4_nl/avx2", Op::expert_matmul);

}  // namespace engine::cpu
