// Scalar conversions between float, IEEE half and bfloat16, bit-exact, round to nearest even.
// Inlined by force, because files built for newer instructions read this header too
// (docs/KERNELS.md, "ISA rules").
#pragma once

#include <bit>
#include <cstdint>

namespace engine {

[[gnu::always_inline]] inline float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exp = (h >> 10) & 0x1f;
  const uint32_t man = h & 0x3ffu;
  if (exp == 31) return std::bit_cast<float>(sign | 0x7f800000u | man << 13);
  if (exp != 0) return std::bit_cast<float>(sign | (exp + 112) << 23 | man << 13);
  const float sub = static_cast<float>(man) * 0x1p-24f;  // subnormal half: exact in float
  return std::bit_cast<float>(std::bit_cast<uint32_t>(sub) | sign);
}

[[gnu::always_inline]] inline uint16_t float_to_half(float f) {
  const uint32_t x = std::bit_cast<uint32_t>(f);
  const uint16_t sign = static_cast<uint16_t>(x >> 16 & 0x8000u);
  const uint32_t a = x & 0x7fffffffu;
  if (a >= 0x7f800000u)
    return sign | 0x7c00u | (a > 0x7f800000u ? 0x200u | (a >> 13 & 0x3ffu) : 0u);
  if (a >= 0x477ff000u) return sign | 0x7c00u;  // rounds to infinity
  if (a < 0x38800000u) {                        // subnormal half: let the float adder round
    const float r = std::bit_cast<float>(a) + 0.5f;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(r) - 0x3f000000u);
  }
  const uint32_t odd = a >> 13 & 1;
  return sign | static_cast<uint16_t>((a - 0x38000000u + 0xfffu + odd) >> 13);
}

[[gnu::always_inline]] inline float bf16_to_float(uint16_t h) {
  return std::bit_cast<float>(static_cast<uint32_t>(h) << 16);
}

[[gnu::always_inline]] inline uint16_t float_to_bf16(float f) {
  const uint32_t x = std::bit_cast<uint32_t>(f);
  if ((x & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(x >> 16 | 64);  // NaN stays NaN
  return static_cast<uint16_t>((x + 0x7fffu + (x >> 16 & 1)) >> 16);
}

}  // namespace engine
