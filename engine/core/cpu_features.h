// Feature bits that kernels name as their needs.
// No other header may come with it: ISA files include it.
#pragma once

#include <cstdint>

namespace engine {

namespace isa {
enum : uint64_t {
  avx2 = 1u << 0,
  fma = 1u << 1,
  f16c = 1u << 2,
  avx512 = 1u << 3,  // avx512: F, CD, BW, DQ, VL together
  avx512vnni = 1u << 4,
  avxvnni = 1u << 5,
  avx512bf16 = 1u << 6,
  avx512vbmi = 1u << 7,
  neon = 1u << 16,
  dotprod = 1u << 17,
  i8mm = 1u << 18,
};
}  // namespace isa

}  // namespace engine
