// q8_0 on AVX-512 VNNI: signed bytes, made unsigned by their top bit (code = q + 128), scale d.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {
namespace {

struct Q8_0 {
  static constexpr DType kType = DType::q8_0;
  static constexpr int kChunks = 1, kSub = 32, kZero = 128;
  static constexpr bool kMin = false;
  struct Block {
    const std::byte* p;
    Block(const std::byte* panel, int64_t i, int64_t) : p(panel + i * 544) {}
    void chunk(int, Chunk& c) const {
      const __m512i top = _mm512_set1_epi8(-128);
      for (int g = 0; g < 8; ++g) c.w[g] = _mm512_xor_si512(words(p + 32, g), top);
      c.scale[0] = halves(p);
    }
  };
};

}  // namespace

extern constinit const Kernel<Ctx> matmul_q8_0_avx512vnni = vnni_kernel<Q8_0>("matmul/q8_0/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q8_0_avx512vnni = vnni_kernel<Q8_0>("expert_matmul/q8_0/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
