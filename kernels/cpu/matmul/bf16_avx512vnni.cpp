// bf16 on AVX-512: a bfloat16 is the upper half of a float.
#include "kernels/cpu/matmul/float_avx512vnni.h"

namespace engine::cpu {
namespace {

struct BF16 {
  static constexpr DType kType = DType::bf16;
  static constexpr int kBytes = 32;  // of one k of a panel
  static __m512 load(const std::byte* p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16)); }
};

}  // namespace

extern constinit const Kernel<Ctx> matmul_bf16_avx512vnni = float_kernel<BF16>("matmul/bf16/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_bf16_avx512vnni = float_kernel<BF16>("expert_matmul/bf16/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
