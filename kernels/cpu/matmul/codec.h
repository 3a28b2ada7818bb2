// Codec: how a weight type turns its packed bits into what a tile
// multiplies. Written once per type over a vector struct V (Vec512,
// Vec256) in codec_32.h and codec_k.h; instantiated by TYPE_ISA.cpp.
//
//   template <class V> struct Q4_K {
//     static constexpr DType kType;
//     static constexpr int kSub;       // elements that share a scale: 32 or 16
//     static constexpr int kMinSub;    // elements that share a minimum: 32 or 16; 0: no minimum
//     static constexpr int kZero;      // value = scale * (code - kZero), or scale * code + min
//     static constexpr int kDepth;     // how many sums of two products code * q fit into 16 bits
//                                      // (8, 4, 2); 1: codes are signed on AVX2
//     static constexpr bool kInts;     // scales are integers times one float of the block
//     static constexpr bool kNarrow;   // kInts: 16 products of code - kZero fit into 16 bits, and
//                                      // scale * (code - kZero) + kStripZero is an unsigned byte
//     struct Block {                   // one block of a panel
//       explicit Block(const std::byte* p);
//       void chunk(int s, Chunk<V>& out) const;  // the s-th 32 elements
//     };
//   };
#pragma once

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

// 32 consecutive k of the rows of a panel.
// w[g]: lane r = codes 4 g .. 4 g + 3 of row r, a byte each.
// The others: lane r = row r; [h] of each kSub or kMinSub. Without kInts
// scale[h], with it scale[0] * ints[h].
template <class V>
struct Chunk {
  typename V::I w[8], ints[2];
  typename V::F scale[2], min[2];
};

// How integer scales are applied. kMultiplied: a strip holds scale * code, where products are
// summed in 32 bits. kTwice: a scale lies in both 16-bit halves of its lane, to multiply 16-bit
// sums; else it multiplies sums of 32 bits.
template <class V, class C>
constexpr bool kMultiplied = C::kNarrow && !V::kSigned;
template <class V, class C>
constexpr bool kTwice = C::kInts && (C::kNarrow || (V::kSigned && C::kZero == 0));

template <class C, class V>
inline void set_int(Chunk<V>& c, int h, typename V::I v) {
  c.ints[h] = kTwice<V, C> ? V::or_(V::and_(v, V::set32(0xffff)), V::sll(v, 16)) : v;
}

template <class C>
constexpr int kChunks = traits(C::kType).block_elems / 32;

// Bytes of a packed block of a panel.
template <class V, class C>
constexpr int kPanelBlock = traits(C::kType).block_bytes* V::kRows;

// A panel in the order a tile wants: codes [k/32][8][rows][4], then
// by kSub float or (not multiplied) integer scales [rows], with kInts
// the floats of the blocks [rows], minima float [k/kMinSub][rows].
template <class V, class C>
struct Strip {
  static constexpr int kRows = V::kRows;
  static constexpr int kLine = 4 * kRows;                      // bytes of a number per row
  static constexpr int kCodes = 32 * kRows;                    // bytes of a chunk
  static constexpr int kFloats = C::kInts ? 0 : 32 / C::kSub;  // lines of a chunk
  static constexpr int kInts = C::kInts && !kMultiplied<V, C> ? 32 / C::kSub : 0;
  static constexpr int kMins = C::kMinSub ? 32 / C::kMinSub : 0;
  static constexpr int kLines = kFloats + kInts + kMins;
  static constexpr int kBlockLines = kLines * kChunks<C> + (C::kInts ? 1 : 0);

  static size_t bytes(int64_t k) noexcept {
    return static_cast<size_t>(k * kRows + k / (32 * kChunks<C>)*kBlockLines * kLine);
  }

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    std::byte* line = strip + k * kRows;
    for (int64_t at = 0; at < k; at += 32 * kChunks<C>, panel += kPanelBlock<V, C>) {
      const typename C::Block block(panel);
      for (int s = 0; s < kChunks<C>; ++s) {
        Chunk<V> c;
        block.chunk(s, c);
        if constexpr (kMultiplied<V, C>)
          for (int g = 0; g < 8; ++g)
            c.w[g] = V::scale_codes(c.w[g], c.ints[g / 4], C::kZero, C::kStripZero);
        for (int g = 0; g < 8; ++g, strip += kLine) V::store(strip, c.w[g]);
        if (C::kInts && s == 0) V::storef(line, c.scale[0]), line += kLine;
        for (int h = 0; h < kFloats; ++h, line += kLine) V::storef(line, c.scale[h]);
        for (int h = 0; h < kInts; ++h, line += kLine) V::store(line, c.ints[h]);
        for (int h = 0; h < kMins; ++h, line += kLine) V::storef(line, c.min[h]);
      }
    }
  }
};

// What the sums of codes start from: -zero times the sum of the activations.
template <class C>
constexpr Shift kDotShift = {C::kSub, C::kZero};
template <class V, class C>
constexpr Shift kStripShift = [] {
  if constexpr (kMultiplied<V, C>)
    return Shift{32, C::kStripZero};
  else
    return kDotShift<C>;
}();

// Where a tile takes its chunks from, in ascending k: packed bits, or a strip.
template <class V, class C>
struct PackedSource {
  static constexpr bool kPacked = true;
  PackedSource(const std::byte* panel, int64_t) : next_(panel) {}
  // body(chunk) for the next 32 * kChunks elements.
  template <class Body>
  __attribute__((always_inline)) void block(Body&& body) {
    const typename C::Block block(next_);
    for (int s = 0; s < kChunks<C>; ++s) {
      Chunk<V> c;
      block.chunk(s, c);
      body(c, next_ + kPanelBlock<V, C> / kChunks<C> * s);
    }
    next_ += kPanelBlock<V, C>;
  }

 private:
  const std::byte* next_;
};

template <class V, class C>
struct StripSource {
  using S = Strip<V, C>;
  static constexpr bool kPacked = false;
  StripSource(const std::byte* strip, int64_t k) : codes_(strip), line_(strip + k * V::kRows) {}
  template <class Body>
  __attribute__((always_inline)) void block(Body&& body) {
    Chunk<V> c;
    if (C::kInts) c.scale[0] = V::loadf(line_), line_ += S::kLine;
    for (int s = 0; s < kChunks<C>; ++s) {
      for (int g = 0; g < 8; ++g) c.w[g] = V::load(codes_ + S::kLine * g);
      for (int h = 0; h < S::kFloats; ++h) c.scale[h] = V::loadf(line_ + S::kLine * h);
      for (int h = 0; h < S::kInts; ++h) c.ints[h] = V::load(line_ + S::kLine * (S::kFloats + h));
      for (int h = 0; h < S::kMins; ++h)
        c.min[h] = V::loadf(line_ + S::kLine * (S::kFloats + S::kInts + h));
      body(c, codes_);
      codes_ += S::kCodes, line_ += S::kLine * S::kLines;
    }
  }

 private:
  const std::byte *codes_, *line_;
};

// ---- pieces that types share ----

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
  const typename V::I m = V::set8(mask);
  for (int j = 0; j < 8; ++j)
    w[j] = V::or_(w[j], V::sll(V::and_(V::srl(word<V>(words, j), shift), m), up));
}

// Byte b of every lane as a float, unsigned.
template <class V>
inline typename V::F byte_float(typename V::I words, int b) {
  return V::to_float(V::and_(V::srl(words, 8 * b), V::set32(255)));
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
