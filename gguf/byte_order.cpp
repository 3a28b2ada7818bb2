// The multi-byte members of each block format, and the one loop that swaps them. Members of one
// byte (nibbles, bit planes, int8 scales) have no byte order.
#include "gguf/byte_order.h"

#include <algorithm>
#include <cstdint>

namespace engine::gguf {
namespace {

// n members of `width` bytes, back to back, at `offset` of every block.
// n = 0: the type needs no swap.
struct Members {
  DType type;
  uint8_t offset, width, n;
};

constexpr Members kMembers[] = {
    {DType::f32, 0, 4, 1},    {DType::f16, 0, 2, 1},   {DType::bf16, 0, 2, 1},
    {DType::i8, 0, 1, 0},     {DType::i16, 0, 2, 1},   {DType::i32, 0, 4, 1},
    {DType::i64, 0, 8, 1},    {DType::f64, 0, 8, 1},   {DType::q4_0, 0, 2, 1},  // d
    {DType::q4_1, 0, 2, 2},                                                     // d, m
    {DType::q5_0, 0, 2, 1},    // d; the bit field qh is four bytes
    {DType::q5_1, 0, 2, 2},    // d, m
    {DType::q8_0, 0, 2, 1},    // d
    {DType::q2_k, 80, 2, 2},   // d, dmin
    {DType::q3_k, 108, 2, 1},  // d
    {DType::q4_k, 0, 2, 2},    // d, dmin
    {DType::q5_k, 0, 2, 2},    // d, dmin
    {DType::q6_k, 208, 2, 1},  // d
    {DType::iq4_nl, 0, 2, 1},  // d
    {DType::iq4_xs, 0, 2, 2},  // d, scales_h
    {DType::tq1_0, 52, 2, 1},  // d
    {DType::tq2_0, 64, 2, 1},  // d
    {DType::q1_0, 0, 2, 1},    // d
    {DType::q2_0, 0, 2, 1},    // d
    {DType::mxfp4, 0, 1, 0},  {DType::nvfp4, 0, 1, 0},
};

const Members* find(DType t) {
  const auto* it = std::ranges::find(kMembers, t, &Members::type);
  return it == std::end(kMembers) ? nullptr : it;
}

}  // namespace

bool can_swap(DType t) {
  return find(t) != nullptr;
}

void swap_blocks(DType t, std::byte* data, size_t bytes) {
  const Members& m = *find(t);
  const size_t block = static_cast<size_t>(traits(t).block_bytes);
  for (size_t at = 0; m.n > 0 && at < bytes; at += block)
    for (std::byte* p = data + at + m.offset; p < data + at + m.offset + m.n * m.width;
         p += m.width)
      std::reverse(p, p + m.width);
}

}  // namespace engine::gguf
