// q4_1 on AVX-512 VNNI: codes 0..15, scale d, minimum m.
#include "kernels/cpu/matmul/tile_avx512vnni.h"

namespace engine::cpu {
namespace {

struct Q4_1 {
  static constexpr DType kType = DType::q4_1;
  static constexpr int kChunks = 1, kSub = 32, kZero = 0;
  static constexpr bool kMin = true;
  struct Block {
    const std::byte* p;
    Block(const std::byte* panel, int64_t i, int64_t) : p(panel + i * 320) {}
    void chunk(int, Chunk& c) const {
      const __m512i low = _mm512_set1_epi8(15);
      for (int j = 0; j < 4; ++j) {
        const __m512i v = words(p + 64, j);
        c.w[j] = _mm512_and_si512(v, low);
        c.w[j + 4] = _mm512_and_si512(_mm512_srli_epi32(v, 4), low);
      }
      c.scale[0] = halves(p);
      c.min[0] = halves(p + 32);
    }
  };
};

}  // namespace

extern constinit const Kernel<Ctx> matmul_q4_1_avx512vnni = vnni_kernel<Q4_1>("matmul/q4_1/avx512vnni", Op::matmul);
extern constinit const Kernel<Ctx> expert_matmul_q4_1_avx512vnni = vnni_kernel<Q4_1>("expert_matmul/q4_1/avx512vnni", Op::expert_matmul);

}  // namespace engine::cpu
