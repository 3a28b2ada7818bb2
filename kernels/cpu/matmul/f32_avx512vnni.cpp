// f32 on AVX-512: weights as they are.
#include "kernels/cpu/matmul/float_avx512vnni.h"

namespace engine::cpu {
namespace {

struct F32 {
  static constexpr DType kType = DType::f32;
  static constexpr int kBytes = 64;  // of one k of a panel
  static __m512 load(const std::byte* p) { return _mm512_loadu_ps(p); }
};

}  // namespace

extern constinit const Kernel<Ctx> matmul_f32_avx512vnni = float_kernel<F32>("matmul/f32/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_f32_avx512vnni = float_kernel<F32>("expert_matmul/f32/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
