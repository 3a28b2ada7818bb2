// Block<T>: what the engine knows about one number format; kernels/types/T.h specialises it.
//
//   // kSub: elements that share one scale: 16 or 32 (float formats: 1)
//   static constexpr int kElems, kBytes, kSub;
//   // exact: the definition of the format
//   static void dequant(const std::byte* block, float* y);
//   // quantized formats only
//   static void codes(const std::byte* block, uint8_t* code, float* scale, float* min);
//   // where the engine writes the format
//   static void quantize(const float* x, std::byte* block);
//
// codes() gives the canonical form that every integer matmul computes with:
// element i = scale[i / kSub] * code[i] + min[i / kSub]. Signed formats are shifted (q8_0:
// code = q + 128, min = -128 * scale), so codes are always unsigned bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/core/dtype.h"
#include "engine/core/half.h"

// Functions of blocks are inlined by force: these headers are also read by files built for newer
// instructions, and no copy of a function made there may stand in for the baseline's.
#define ENGINE_BLOCK_FN [[gnu::always_inline]] static inline

namespace engine {

template <DType>
struct Block;

// What the layouts are written in. Blocks have no alignment.
namespace bits {

[[gnu::always_inline]] inline int u8(const std::byte* b, int at) {
  return static_cast<int>(b[at]);
}
[[gnu::always_inline]] inline int i8(const std::byte* b, int at) {
  return static_cast<int8_t>(b[at]);
}
[[gnu::always_inline]] inline uint32_t u16(const std::byte* b, int at) {
  uint16_t v;
  std::memcpy(&v, b + at, 2);
  return v;
}
[[gnu::always_inline]] inline uint32_t u32(const std::byte* b, int at) {
  uint32_t v;
  std::memcpy(&v, b + at, 4);
  return v;
}
[[gnu::always_inline]] inline float half(const std::byte* b, int at) {
  return half_to_float(static_cast<uint16_t>(u16(b, at)));
}
[[gnu::always_inline]] inline void put_half(std::byte* b, int at, float v) {
  const uint16_t h = float_to_half(v);
  std::memcpy(b + at, &h, 2);
}

// Element i of 32: byte i % 16 holds element i % 16 in its low nibble
// and i % 16 + 16 in its high nibble.
[[gnu::always_inline]] inline int nibble(const std::byte* b, int at, int i) {
  return u8(b, at + i % 16) >> 4 * (i / 16) & 15;
}

// Two-bit planes of the K-quants: each half of 128 elements has 32 bytes, whose bits 2p and 2p + 1
// hold the elements of its plane p of 32.
[[gnu::always_inline]] inline int plane2(const std::byte* b, int at, int i) {
  return u8(b, at + 32 * (i / 128) + i % 32) >> 2 * (i / 32 % 4) & 3;
}

}  // namespace bits

// Sizes are known in two places, dtype.inc and the header of the type: this says that they agree.
#define ENGINE_BLOCK_SIZES(type)                                                 \
  static_assert(Block<DType::type>::kElems == traits(DType::type).block_elems && \
                Block<DType::type>::kBytes == traits(DType::type).block_bytes);

}  // namespace engine
