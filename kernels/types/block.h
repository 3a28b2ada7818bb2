// Block<T>: what the engine knows about one number format; kernels/types/T.h specialises it.
//
//   static constexpr int kElems, kBytes, kSub;      // kSub: elements that share one scale: 16 or 32 (float formats: 1)
//   static void dequant(const std::byte* block, float* y);                                   // exact: the definition of the format
//   static void codes(const std::byte* block, uint8_t* code, float* scale, float* min);      // quantized formats only
//   static void quantize(const float* x, std::byte* block);                                  // where the engine writes the format
//
// codes() gives the canonical form that every integer matmul computes with: element i = scale[i / kSub] * code[i] + min[i / kSub].
// Signed formats are shifted (q8_0: code = q + 128, min = -128 * scale), so codes are always unsigned bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/dtype.h"

namespace engine {

template <DType> struct Block;

}  // namespace engine
