// Codec: how a weight type turns its packed bits into what a tile multiplies. Written once per type
// over a vector struct V (Vec512, Vec256) in codec_32.h and codec_k.h; instantiated by
// TYPE_ISA.cpp. What all of them share is here.
//
//   template <class V> struct Q4_1 {
//     static constexpr DType kType;
//     static constexpr int kZero;   // value = scale * (code - kZero), or scale * code + min. Sums
//                                   // of products start from -kZero * sum of the activations, which
//                                   // a8x32 and a8x256 hold
//     static constexpr int kDepth;  // how many sums of two products code * q fit into 16 bits
//                                   // (8, 4, 2); 1: codes are signed on AVX2
//     ...                           // codec_32.h, codec_k.h
//     struct Block {                // one block of a panel
//       explicit Block(const std::byte* p);
//       void chunk(int s, Chunk& out) const;  // the s-th 32 elements
//     };
//   };
//
// Codes of a chunk: w[g], g = 0..7: lane r = codes 4 g .. 4 g + 3 of row r, a byte each.
#pragma once

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

template <class C>
constexpr int kChunks = traits(C::kType).block_elems / 32;

// Bytes of a packed block of a panel.
template <class V, class C>
constexpr int kPanelBlock = traits(C::kType).block_bytes* V::kRows;

// Packed bits are fetched into the second-level cache (the first cannot wait for enough lines at a
// time) from so many columns on. With fewer the hardware does as well by itself where a weight has 5
// bits and less, and asking costs 10 %.
template <class C>
constexpr int kAheadMinCols = 8 * traits(C::kType).block_bytes > 5 * traits(C::kType).block_elems
                                  ? 1
                              : kChunks<C> == 1 ? 4
                                                : 3;

// How far ahead; blocks of 256 are computed in bursts.
template <class C>
constexpr int kAheadBytes = kChunks<C> == 1 ? 4096 : 16384;

template <class V, class C>
inline void prefetch_chunk(const std::byte* from) {
#pragma GCC unroll 16
  for (int b = 0; b < kPanelBlock<V, C> / kChunks<C>; b += 64)
    __builtin_prefetch(from + kAheadBytes<C> + b, 0, 2);
}

// Fields of a packed block: 16-bit field i of the rows, 32-bit word j of the rows (pack.h).
template <class V>
inline const std::byte* half_field(const std::byte* p, int i) {
  return p + 2 * V::kRows * i;
}
template <class V, DType T>
inline const std::byte* word_fields(const std::byte* p) {
  return p + 2 * V::kRows * block_fields(T).halves;
}
template <class V>
inline typename V::I word(const std::byte* words, int j) {
  return V::load(words + 4 * V::kRows * j);
}

// w[0..7] from four words of nibbles: low ones are elements 0..15, high ones 16..31.
template <class V>
inline void split_nibbles(const std::byte* words, typename V::I* w) {
  const typename V::I low = V::set8(15);
  for (int j = 0; j < 4; ++j) {
    const typename V::I v = word<V>(words, j);
    w[j] = V::and_(v, low);
    w[j + 4] = V::and_(V::srl(v, 4), low);
  }
}

// w[0..7] = field of `bits` bits, shift up in each byte, of eight words.
template <class V>
inline void take_field(const std::byte* words, int shift, int mask, typename V::I* w) {
  const typename V::I m = V::set8(mask);
  for (int j = 0; j < 8; ++j) w[j] = V::and_(V::srl(word<V>(words, j), shift), m);
}

// w[j] |= (bits at `shift` of each byte of word j, masked) << up
template <class V>
inline void or_field(const std::byte* words, int shift, int mask, int up, typename V::I* w) {
  const typename V::I m = V::set8(mask << up);
  for (int j = 0; j < 8; ++j) {  // to their place first: or and mask are one instruction then
    const typename V::I x = word<V>(words, j);
    w[j] = V::or_masked(w[j], shift > up ? V::srl(x, shift - up) : V::sll(x, up - shift), m);
  }
}

// The values of 4-bit codes of iq4_nl and iq4_xs.
constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};

template <class V>
inline void iq4_codes(const std::byte* words, typename V::I* w) {
  const typename V::I table = V::table(kIq4Values), shift = V::set8(V::kSigned ? 0 : 128);
  split_nibbles<V>(words, w);
  for (int g = 0; g < 8; ++g) w[g] = V::xor_(V::lookup(table, w[g]), shift);
}

}  // namespace
}  // namespace engine::cpu
