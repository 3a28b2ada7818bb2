// Packing of weights into panels of R rows (R = 8 or 16 lanes of 32 bits). The bits of the file
// stay as they are; only their order changes, so a packed tensor is as large as the file plus the
// rows that pad the last panel of a matrix (zeros).
//
//   quantized   panel = blocks along k;
//               a block = its 16-bit fields, each [R], then its 32-bit words, each [R].
//               In every type four consecutive bytes of codes are four consecutive k, so word j of
//               R rows is a vector register in which lane r belongs to row r: the unit that the
//               dot-product instructions take.
//   floats      [k][R]
//
// Words of q3_k and q6_k change places, scales first and bits of the same codes together, so that a
// panel is read from front to back.
//
// q5_0 and q5_1 keep their fifth bits in one word, bit i for element i; it is stored spread: bit g
// of byte b = element 4 g + b, so that the bits of vector g are one shift away from their place.
#pragma once

#include <cstring>

#include "kernels/cpu/matmul/pack_ids.h"
#include "kernels/kernel.h"

namespace engine::cpu {
namespace {

struct BlockFields {
  int halves, half_at[2];  // 16-bit fields and their offsets in the block of the file
  int words, word_at;      // consecutive 32-bit words
  int spread;              // index of the word to spread, or -1
};

constexpr BlockFields block_fields(DType t) {
  switch (t) {
    case DType::q4_0:
    case DType::iq4_nl:
      return {1, {0}, 4, 2, -1};  // d | codes
    case DType::q4_1:
      return {2, {0, 2}, 4, 4, -1};  // d m | codes
    case DType::q5_0:
      return {1, {0}, 5, 2, 0};  // d | bit 4, codes
    case DType::q5_1:
      return {2, {0, 2}, 5, 4, 0};
    case DType::q8_0:
      return {1, {0}, 8, 2, -1};
    case DType::q2_k:
      return {2, {80, 82}, 20, 0, -1};  // d dmin | scales 4, codes 16
    case DType::q3_k:
      return {1, {108}, 27, 0, -1};  // d | bit 2: 8, codes 16, scales 3 (word_place)
    case DType::q4_k:
      return {2, {0, 2}, 35, 4, -1};  // d dmin | scales 3, codes 32
    case DType::q5_k:
      return {2, {0, 2}, 43, 4, -1};  // d dmin | scales 3, bit 4: 8, codes 32
    case DType::q6_k:
      return {1, {208}, 52, 0, -1};  // d | low 32, high 16, scales 4 (word_place)
    case DType::iq4_xs:
      return {2, {0, 2}, 33, 4, -1};  // d, high bits of scales | low bits 1, codes 32
    case DType::f32:
      return {0, {}, 1, 0, -1};
    default:
      return {1, {0}, 0, 0, -1};  // f16, bf16
  }
}

// Where word j of the file lies in a packed block.
constexpr int word_place(DType t, int j) {
  if (t == DType::q3_k)  // bit 2: 8, codes 16, scales 3
    return j < 24 ? 3 + j : j - 24;
  if (t == DType::q6_k) {  // low 32, high 16, scales 4: scales, then high 8 and low 16 of each half
    if (j >= 48) return j - 48;
    return j < 32 ? 4 + j / 16 * 24 + 8 + j % 16 : 4 + (j - 32) / 8 * 24 + j % 8;
  }
  return j;
}

inline uint32_t spread_bits(uint32_t x) {
  uint32_t y = 0;
  for (int b = 0; b < 4; ++b) {
    uint32_t t = x >> b & 0x11111111u;
    t = (t | t >> 3) & 0x03030303u, t = (t | t >> 6) & 0x000f000fu, t = (t | t >> 12) & 0xffu;
    y |= t << 8 * b;
  }
  return y;
}

inline uint32_t gather_bits(uint32_t y) {
  uint32_t x = 0;
  for (int b = 0; b < 4; ++b) {
    uint32_t t = y >> 8 * b & 0xffu;
    t = (t | t << 12) & 0x000f000fu, t = (t | t << 6) & 0x03030303u, t = (t | t << 3) & 0x11111111u;
    x |= t << b;
  }
  return x;
}

template <DType T, int R>
struct Panels {
  static constexpr BlockFields kF = block_fields(T);
  static constexpr int kElems = traits(T).block_elems, kBytes = traits(T).block_bytes;
  static_assert(kF.halves * 2 + kF.words * 4 == kBytes);
  // blocks of a row before the next row: whole cache lines
  static constexpr int kChunk = kElems == 1 ? 32 : 1;

  static int64_t per_matrix(const Tensor& w) { return (w.ne[1] + R - 1) / R; }

  static size_t bytes(const Tensor& w) noexcept {
    return static_cast<size_t>(per_matrix(w) * w.ne[2] * w.ne[3] * R * (w.ne[0] / kElems) * kBytes);
  }

  // Lane r of n_blocks panel blocks from n_blocks blocks of a row.
  static void put(const std::byte* src, int64_t n_blocks, std::byte* panel, int r) {
    for (int64_t b = 0; b < n_blocks; ++b, src += kBytes, panel += kBytes * R) {
      for (int h = 0; h < kF.halves; ++h)
        std::memcpy(panel + (h * R + r) * 2, src + kF.half_at[h], 2);
      std::byte* words = panel + kF.halves * R * 2 + r * 4;
      for (int j = 0; j < kF.words; ++j) {
        uint32_t v;
        std::memcpy(&v, src + kF.word_at + 4 * j, 4);
        if (j == kF.spread) v = spread_bits(v);
        std::memcpy(words + word_place(T, j) * R * 4, &v, 4);
      }
    }
  }

  static void run(const Tensor& w, Range panels, std::byte* out) noexcept {
    const int64_t blocks = w.ne[0] / kElems, per = per_matrix(w);
    const int64_t panel_bytes = blocks * kBytes * R;
    for (int64_t p = panels.begin; p < panels.end; ++p) {
      const int64_t row0 = p % per * R, left = w.ne[1] - row0;
      const int rows = left < R ? static_cast<int>(left) : R;
      const std::byte* src = w.data + p / per * w.nb[2] + row0 * w.nb[1];
      std::byte* dst = out + p * panel_bytes;
      if (rows < R) std::memset(dst, 0, panel_bytes);
      for (int64_t b = 0; b < blocks; b += kChunk) {
        const int64_t n = blocks - b < kChunk ? blocks - b : kChunk;
        for (int r = 0; r < rows; ++r)
          put(src + r * w.nb[1] + b * kBytes, n, dst + b * kBytes * R, r);
      }
    }
  }

  static void row(const Tensor& packed, int64_t row, std::byte* out) noexcept {
    const int64_t blocks = packed.ne[0] / kElems, in_matrix = row % packed.ne[1];
    const int64_t panel = row / packed.ne[1] * per_matrix(packed) + in_matrix / R;
    const int r = static_cast<int>(in_matrix % R);
    const std::byte* src = packed.data + panel * blocks * kBytes * R;
    for (int64_t b = 0; b < blocks; ++b, src += kBytes * R, out += kBytes) {
      for (int h = 0; h < kF.halves; ++h)
        std::memcpy(out + kF.half_at[h], src + (h * R + r) * 2, 2);
      const std::byte* words = src + kF.halves * R * 2 + r * 4;
      for (int j = 0; j < kF.words; ++j) {
        uint32_t v;
        std::memcpy(&v, words + word_place(T, j) * R * 4, 4);
        if (j == kF.spread) v = gather_bits(v);
        std::memcpy(out + kF.word_at + 4 * j, &v, 4);
      }
    }
  }

  static constexpr Pack kPack{panel_pack_id(R, T), R, bytes, run, row};
};

}  // namespace
}  // namespace engine::cpu
