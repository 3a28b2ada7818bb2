// Quantizer: one number format, written by code for one instruction set. A row of numbers becomes a row of blocks; which scales
// are tried, and with which weights, decides the quality (docs/QUANTIZE.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/core/dtype.h"

namespace engine::quant {

struct Quantizer {
  DType type;
  const char* isa;  // "scalar", "avx2": the suffix of its file
  uint64_t needs;   // instructions (engine/core/cpu_features.h)
  // x: [n], finite. importance: [n], how much the square of an error counts in each column, or nullptr: all alike.
  // out: row_bytes(type, n) bytes. Requires: n is a multiple of the block. Thread-safe. All twins of a type give the same bytes.
  void (*row)(const float* x, const float* importance, std::byte* out, int64_t n);
};

// Numbers of a source to float; the same for 16-bit floats only, which is where most models come from.
struct Widener {
  DType type;
  const char* isa;
  uint64_t needs;
  void (*row)(const std::byte* in, float* out, int64_t n);
};

std::span<const Quantizer* const> all_quantizers();  // the best of a type last
std::span<const Widener* const> all_wideners();

// The best one that `features` allows; nullptr: we do not write this type.
const Quantizer* find_quantizer(DType type, uint64_t features);
// nullptr: use the codec of the type (kernels/types/codec.h).
const Widener* find_widener(DType type, uint64_t features);

}  // namespace engine::quant
