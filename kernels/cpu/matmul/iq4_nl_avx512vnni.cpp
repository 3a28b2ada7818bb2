// iq4_nl on AVX-512 VNNI.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {

extern constinit const Kernel<Ctx> matmul_iq4_nl_avx512vnni = vnni_kernel<Iq4Nl>("matmul/iq4_nl/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_iq4_nl_avx512vnni = vnni_kernel<Iq4Nl>("expert_matmul/iq4_nl/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
