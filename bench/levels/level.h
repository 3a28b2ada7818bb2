// One kernel in six levels: y[out, n] = W x with W in Q4_1, one
// thread. Each file is a step faster than the one before; levels.cpp
// checks all against level 1 and times them. docs/KERNELS.md explains.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine::bench {

// Q4_1, a block of 32 weights: half d | half m | 16 bytes, low nibbles = weights 0..15, high
// nibbles = 16..31. weight = d * nibble + m. A row is k / 32 blocks.
constexpr int64_t kBlock = 32, kBlockBytes = 20;

// Activations, a column of k: int8 q[k] | float d[k/32] | float dsum[k/32] (d * sum of the 32 q).
struct Column {
  const int8_t* q;
  const float *d, *dsum;
};

struct Problem {
  int64_t k, out, n;
  const std::byte* w;  // rows as in the file, or panels
  const std::byte* x;  // n columns, x_stride bytes apart
  int64_t x_stride;
  float* y;  // [n][out]
};

namespace {  // a copy of its own for every file: see "ISA rules" in docs/KERNELS.md

inline Column column(const Problem& p, int64_t c) {
  const std::byte* x = p.x + c * p.x_stride;
  const float* d = reinterpret_cast<const float*>(x + p.k);
  return {reinterpret_cast<const int8_t*>(x), d, d + p.k / kBlock};
}

}  // namespace

struct Level {
  const char* name;
  const char* idea;
  uint64_t needs;      // isa bits
  int64_t panel_rows;  // 0: rows as in the file
  void (*run)(const Problem&);
};

extern const Level level_1, level_2, level_3, level_4, level_5, level_6;

}  // namespace engine::bench
