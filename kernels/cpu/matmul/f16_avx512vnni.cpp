// f16 on AVX-512: weights widened by vcvtph2ps.
#include "kernels/cpu/matmul/float_avx512vnni.h"

namespace engine::cpu {
namespace {

struct F16 {
  static constexpr DType kType = DType::f16;
  static constexpr int kBytes = 32;  // of one k of a panel
  static __m512 load(const std::byte* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
};

}  // namespace

extern constinit const Kernel<Ctx> matmul_f16_avx512vnni = float_kernel<F16>("matmul/f16/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f16_avx512vnni = float_kernel<F16>("expert_matmul/f16/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
