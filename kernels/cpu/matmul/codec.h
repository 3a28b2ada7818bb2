// Codec: how a weight type turns its packed bits into what a tile multiplies. Written once per type
// over a vector struct V (Vec512, Vec256) in codec_32.h and codec_k.h; instantiated by
// TYPE_ISA.cpp.
//
//   template <class V> struct Q4_K {
//     static constexpr DType kType;
//     static constexpr int kSub;      // elements that share a float scale: 32 or 16
//     static constexpr int kMinSub;   // elements that share a minimum: 32 or 16; 0: no minimum
//     static constexpr int kZero;     // value = scale * (code - kZero), or scale * code + min
//     static constexpr int kDepth;    // how many sums of two products code * q fit into 16 bits
//                                     // (8, 4, 2); 1: codes are signed on AVX2
//     static constexpr bool kHalves;  // each 16 has an integer scale too: value = scale * half *
//                                     // (code - kZero); |16 products of code - kZero| < 2^15
//     static constexpr int kStripZero;  // kHalves only: half * (code - kZero) + kStripZero is a
//                                       // byte without sign
//     struct Block {                  // one block of a panel
//       explicit Block(const std::byte* p);
//       void chunk(int s, Chunk<V>& out) const;   // the s-th 32 elements
//     };
//   };
#pragma once

#include "kernels/cpu/matmul/micro.h"
#include "kernels/cpu/matmul/pack.h"

namespace engine::cpu {
namespace {

// 32 consecutive k of the rows of a panel. w[g]: lane r = codes 4 g .. 4 g + 3 of row r, a byte
// each. scale and min: lane r = row r. half: lane r = the integer scale of row r in 16 bits, twice.
template <class V>
struct Chunk {
  typename V::I w[8], half[2];
  typename V::F scale[2], min[2];  // of each 16; [0] only if one covers 32
};

template <class C>
constexpr int kChunks = traits(C::kType).block_elems / 32;

// Bytes of a packed block of a panel.
template <class V, class C>
constexpr int kPanelBlock = traits(C::kType).block_bytes* V::kRows;

// Integer scales are multiplied into the codes of a strip where a product of a byte without sign can
// be summed in 32 bits.
template <class V, class C>
constexpr bool kMultiplied = C::kHalves && !V::kSigned;

// A panel in the order a tile wants: codes [k/32][8][rows][4], scales float [k/kSub][rows], integer
// scales [k/16][rows] if not multiplied, minima float [k/kMinSub][rows].
template <class V, class C>
struct Strip {
  static constexpr int kRows = V::kRows, kSubs = 32 / C::kSub;
  static constexpr int kMins = C::kMinSub ? 32 / C::kMinSub : 0;
  static constexpr int kInts = C::kHalves && !kMultiplied<V, C> ? 2 : 0;
  static constexpr int kCodes = 32 * kRows,
                       kScales = 4 * kRows;  // bytes of a chunk; of the scales of a sub-block

  static size_t bytes(int64_t k) noexcept {
    return static_cast<size_t>(k * kRows + k / 32 * kScales * (kSubs + kInts + kMins));
  }

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    std::byte* scales = strip + k * kRows;
    std::byte* ints = scales + k / 32 * kScales * kSubs;
    std::byte* minima = ints + k / 32 * kScales * kInts;
    for (int64_t at = 0; at < k; at += 32 * kChunks<C>, panel += kPanelBlock<V, C>) {
      const typename C::Block block(panel);
      for (int s = 0; s < kChunks<C>; ++s) {
        Chunk<V> c;
        block.chunk(s, c);
        if constexpr (kMultiplied<V, C>)
          for (int g = 0; g < 8; ++g)
            c.w[g] = V::scale_codes(c.w[g], c.half[g / 4], C::kZero, C::kStripZero);
        for (int g = 0; g < 8; ++g, strip += 4 * kRows) V::store(strip, c.w[g]);
        for (int h = 0; h < kSubs; ++h, scales += kScales) V::storef(scales, c.scale[h]);
        for (int h = 0; h < kInts; ++h, ints += kScales) V::store(ints, c.half[h]);
        for (int h = 0; h < kMins; ++h, minima += kScales) V::storef(minima, c.min[h]);
      }
    }
  }
};

// What the sums of codes start from: -zero times the sum of the activations.
template <class C>
constexpr Shift kDotShift = {C::kHalves ? 16 : C::kSub, C::kZero};
template <class V, class C>
constexpr Shift kStripShift = [] {
  if constexpr (kMultiplied<V, C>)
    return Shift{C::kSub, C::kStripZero};
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
  StripSource(const std::byte* strip, int64_t k)
      : codes_(strip),
        scales_(strip + k * V::kRows),
        ints_(scales_ + k / 32 * S::kScales * S::kSubs),
        minima_(ints_ + k / 32 * S::kScales * S::kInts) {}
  template <class Body>
  __attribute__((always_inline)) void block(Body&& body) {
    for (int s = 0; s < kChunks<C>; ++s) {
      Chunk<V> c;
      for (int g = 0; g < 8; ++g) c.w[g] = V::load(codes_ + 4 * V::kRows * g);
      for (int h = 0; h < S::kSubs; ++h) c.scale[h] = V::loadf(scales_ + S::kScales * h);
      for (int h = 0; h < S::kInts; ++h) c.half[h] = V::load(ints_ + S::kScales * h);
      for (int h = 0; h < S::kMins; ++h) c.min[h] = V::loadf(minima_ + S::kScales * h);
      body(c, codes_);
      codes_ += S::kCodes, scales_ += S::kScales * S::kSubs;
      ints_ += S::kScales * S::kInts, minima_ += S::kScales * S::kMins;
    }
  }

 private:
  const std::byte *codes_, *scales_, *ints_, *minima_;
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

// Byte b of every lane as a float, unsigned or signed.
template <class V>
inline typename V::F byte_float(typename V::I words, int b) {
  return V::to_float(V::and_(V::srl(words, 8 * b), V::set32(255)));
}
template <class V>
inline typename V::F signed_byte_float(typename V::I words, int b) {
  return V::to_float(V::sra24(V::sll(words, 24 - 8 * b)));
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
