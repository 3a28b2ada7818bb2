// Codecs of the types with blocks of 256: eight chunks of 32, each with its own integer scale (and
// minimum), or two of them; and where their tiles take blocks from: packed bits, or a strip.
// Four consecutive sub-block scales of a row are one 32-bit word, so the scales of all rows are
// unpacked side by side.
//
// A codec has, beside what codec.h says:
//   kSub        elements that share a scale: 32 or 16
//   kMins       it has a minimum per kSub: value = d * scale * code + dmin * minimum
//   kMost       largest |code - kZero|
//   kNarrow     16 products of code - kZero fit into 16 bits, and scale * (code - kZero) +
//               kStripZero is an unsigned byte
//   Block       head, chunk(), and for AVX-512 pair(s): the scales of the two sub-blocks from chunk s
//               on, 16 bits each
#pragma once

#include "kernels/cpu/matmul/codec.h"

namespace engine::cpu {
namespace {

// Of a block. Minima are unsigned bytes: byte b of lane r of mins[i] = sub-block 4 i + b of row r.
template <class V>
struct Head {
  typename V::F d, dmin;  // dmin is negative
  typename V::I mins[4];
};

// Lane r of ints = row r: the integer scale of each kSub.
template <class V>
struct Chunk {
  typename V::I w[8], ints[2];
};

template <class C>
constexpr int kMinWords = C::kMins ? 64 / C::kSub : 0;

// -32 * sum >> kShiftDown = -kZero * sum.
template <class C>
constexpr int kShiftDown = C::kZero == 4 ? 3 : 0;

// How integer scales are applied. kMultiplied: a strip holds scale * code, where products are
// summed in 32 bits. kTwice: a scale lies in both 16-bit halves of its lane, to multiply 16-bit
// sums; else it multiplies sums of 32 bits.
template <class V, class C>
constexpr bool kMultiplied = C::kNarrow && !V::kSigned;
template <class V, class C>
constexpr bool kTwice = C::kNarrow || (V::kSigned && C::kZero == 0);

template <class C, class V>
inline void set_int(Chunk<V>& c, int h, typename V::I v) {
  c.ints[h] = kTwice<V, C> ? V::or_(V::and_(v, V::set32(0xffff)), V::sll(v, 16)) : v;
}

template <class V>
inline typename V::F negative_half(const std::byte* p) {
  return V::mul(V::set1(-1), V::load_half(p));
}

// Words 0..2 of q4_k and q5_k: eight 6-bit scales and eight 6-bit minima, here as bytes, four to a
// word.
template <class V>
struct ScaleMin6 {
  Head<V> head;
  typename V::I scale[2];

  ScaleMin6() = default;
  ScaleMin6(const std::byte* p, const std::byte* words) {
    head.d = V::load_half(p), head.dmin = negative_half<V>(half_field<V>(p, 1));
    const typename V::I s0 = word<V>(words, 0), s1 = word<V>(words, 1), s2 = word<V>(words, 2);
    const typename V::I six = V::set8(0x3f), four = V::set8(0x0f), top = V::set8(0x30);
    scale[0] = V::and_(s0, six);
    head.mins[0] = V::and_(s1, six);
    scale[1] = V::or_(V::and_(s2, four), V::and_(V::srl(s0, 2), top));
    head.mins[1] = V::or_(V::and_(V::srl(s2, 4), four), V::and_(V::srl(s1, 2), top));
  }
  template <class C>
  void chunk(int s, Chunk<V>& c) const {
    set_int<C>(c, 0, V::and_(V::srl(scale[s / 4], 8 * (s % 4)), V::set32(255)));
  }
  typename V::I pair(int s) const { return V::spread(scale[s / 4], s % 4); }
};

template <class V>
struct Q4_K {
  static constexpr DType kType = DType::q4_k;
  static constexpr int kSub = 32, kZero = 0, kDepth = 8, kMost = 15;
  static constexpr bool kMins = true, kNarrow = false;
  struct Block {
    const std::byte* words;
    ScaleMin6<V> scales;
    Block() = default;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), scales(p, words) {}
    const Head<V>& head() const { return scales.head; }
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (3 + s / 2 * 8), s % 2 * 4, 15, c.w);
      scales.template chunk<Q4_K>(s, c);
    }
    typename V::I pair(int s) const { return scales.pair(s); }
  };
};

template <class V>
struct Q5_K {
  static constexpr DType kType = DType::q5_k;
  static constexpr int kSub = 32, kZero = 0, kDepth = 4, kMost = 31;
  static constexpr bool kMins = true, kNarrow = false;
  struct Block {
    const std::byte* words;
    ScaleMin6<V> scales;
    Block() = default;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), scales(p, words) {}
    const Head<V>& head() const { return scales.head; }
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (11 + s / 2 * 8), s % 2 * 4, 15, c.w);
      or_field<V>(words + 4 * V::kRows * 3, s, 1, 4, c.w);
      scales.template chunk<Q5_K>(s, c);
    }
    typename V::I pair(int s) const { return scales.pair(s); }
  };
};

template <class V>
struct Q6_K {
  static constexpr DType kType = DType::q6_k;
  static constexpr int kSub = 16, kZero = 32, kDepth = 2, kMost = 32;
  static constexpr bool kMins = false, kNarrow = false;
  struct Block {
    const std::byte* words;  // scales: 4, and of each half high 2 bits: 8, low 4 bits: 16
    Head<V> ends;
    Block() = default;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)) {
      ends.d = V::load_half(p);
    }
    const Head<V>& head() const { return ends; }
    void chunk(int s, Chunk<V>& c) const {
      const int n = s / 4, t = s % 4;  // half of the block, 32 of its 128
      take_field<V>(words + 4 * V::kRows * (4 + n * 24 + 8 + t % 2 * 8), t / 2 * 4, 15, c.w);
      or_field<V>(words + 4 * V::kRows * (4 + n * 24), t * 2, 3, 4, c.w);
      const typename V::I scales = word<V>(words, s / 2);
      for (int h = 0; h < 2; ++h)
        set_int<Q6_K>(c, h, V::sra24(V::sll(scales, 24 - 8 * (s % 2 * 2 + h))));
    }
    typename V::I pair(int s) const { return V::spread_signed(word<V>(words, s / 2), s % 2 * 2); }
  };
};

template <class V>
struct Q2_K {
  static constexpr DType kType = DType::q2_k;
  static constexpr int kSub = 16, kZero = 0, kDepth = 4, kMost = 3;
  static constexpr bool kMins = true, kNarrow = true;
  static constexpr int kStripZero = 0;  // 15 * 3 at most
  struct Block {
    const std::byte* words;  // scale and minimum nibbles: 4 words, codes: 16
    Head<V> ends;
    Block() = default;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)) {
      ends.d = V::load_half(p), ends.dmin = negative_half<V>(half_field<V>(p, 1));
      for (int i = 0; i < 4; ++i) ends.mins[i] = V::and_(V::srl(word<V>(words, i), 4), V::set8(15));
    }
    const Head<V>& head() const { return ends; }
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (4 + s / 4 * 8), s % 4 * 2, 3, c.w);
      const typename V::I pair = V::srl(word<V>(words, s / 2), s % 2 * 16), low = V::set32(15);
      for (int h = 0; h < 2; ++h) set_int<Q2_K>(c, h, V::and_(V::srl(pair, 8 * h), low));
    }
    typename V::I pair(int s) const {
      return V::and_(V::spread(word<V>(words, s / 2), s % 2 * 2), V::set16(15));
    }
  };
};

template <class V>
struct Q3_K {
  static constexpr DType kType = DType::q3_k;
  static constexpr int kSub = 16, kZero = 4, kDepth = 4, kMost = 4;
  static constexpr bool kMins = false, kNarrow = true;
  static constexpr int kStripZero = 127;  // -32..31 times -4..3 is -124..128
  struct Block {
    const std::byte* words;  // scales: 3 words, bit 2: 8, low 2 bits: 16
    Head<V> ends;
    typename V::I scale[4];  // + 32, as bytes
    Block() = default;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)) {
      ends.d = V::load_half(p);
      const typename V::I high = word<V>(words, 2), four = V::set8(0x0f), top = V::set8(0x30);
      for (int i = 0; i < 2; ++i) {
        const typename V::I low = word<V>(words, i);
        scale[i] = V::or_(V::and_(low, four), V::and_(V::sll(high, 4 - 2 * i), top));
        scale[i + 2] = V::or_(V::and_(V::srl(low, 4), four), V::and_(V::srl(high, 2 * i), top));
      }
    }
    const Head<V>& head() const { return ends; }
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (11 + s / 4 * 8), s % 4 * 2, 3, c.w);
      or_field<V>(words + 4 * V::kRows * 3, s, 1, 2, c.w);
      for (int h = 0; h < 2; ++h) {
        const typename V::I sc = V::and_(V::srl(scale[s / 2], s % 2 * 16 + 8 * h), V::set32(255));
        set_int<Q3_K>(c, h, V::sub32(sc, V::set32(32)));
      }
    }
    typename V::I pair(int s) const {
      return V::sub16(V::spread(scale[s / 2], s % 2 * 2), V::set16(32));
    }
  };
};

template <class V>
struct Iq4Xs {
  static constexpr DType kType = DType::iq4_xs;
  static constexpr int kSub = 32, kZero = V::kSigned ? 0 : 128, kDepth = 1, kMost = 127;
  static constexpr bool kMins = false, kNarrow = false;
  struct Block {
    const std::byte* words;  // low 4 bits of eight scales: 1 word, codes: 32
    Head<V> ends;
    typename V::I high;  // high 2 bits of the scales
    Block() = default;
    explicit Block(const std::byte* p)
        : words(word_fields<V, kType>(p)), high(V::words16(half_field<V>(p, 1))) {
      ends.d = V::load_half(p);
    }
    const Head<V>& head() const { return ends; }
    void chunk(int s, Chunk<V>& c) const {
      iq4_codes<V>(words + 4 * V::kRows * (1 + s * 4), c.w);
      set_int<Iq4Xs>(c, 0, scale(s));
    }
    typename V::I pair(int s) const { return V::halves(scale(s), V::sll(scale(s + 1), 16)); }
    typename V::I scale(int s) const {
      const typename V::I low = V::and_(V::srl(word<V>(words, 0), 4 * s), V::set32(15));
      const typename V::I top = V::sll(V::and_(V::srl(high, 2 * s), V::set32(3)), 4);
      return V::sub32(V::or_(low, top), V::set32(32));
    }
  };
};

// ---- sources ----

// A panel in the order the tile of AVX-512 wants (AVX2: strip_k_avx2.h): codes [k/32][8][rows][4], then
// by block d [rows], dmin [rows], words of minima [rows], and (not multiplied) pairs of integer scales
// [rows].
template <class V, class C>
struct Strip {
  static constexpr int kLine = 4 * V::kRows;  // bytes of a number per row
  static constexpr int kHead = C::kMins ? 2 + kMinWords<C> : 1;
  static constexpr bool kPairs = !kMultiplied<V, C>;
  static constexpr int kStep = C::kSub / 16;  // chunks of a pair
  static constexpr int kLines = kHead + (kPairs ? 8 / kStep : 0);

  static size_t bytes(int64_t k) noexcept {
    return static_cast<size_t>(k * V::kRows + k / 256 * kLines * kLine);
  }

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    std::byte* line = strip + k * V::kRows;
    for (int64_t at = 0; at < k; at += 256, panel += kPanelBlock<V, C>) {
      const typename C::Block block(panel);
      const Head<V>& head = block.head();
      V::storef(line, head.d);
      if (C::kMins) V::storef(line + kLine, head.dmin);
      for (int i = 0; i < kMinWords<C>; ++i) V::store(line + (2 + i) * kLine, head.mins[i]);
      line += kHead * kLine;
      for (int s = 0; s < 8; ++s) {
        Chunk<V> c;
        block.chunk(s, c);
        if constexpr (kMultiplied<V, C>)
          for (int g = 0; g < 8; ++g)
            c.w[g] = V::scale_codes(c.w[g], c.ints[g / 4], C::kZero, C::kStripZero);
        for (int g = 0; g < 8; ++g, strip += kLine) V::store(strip, c.w[g]);
        if constexpr (kPairs)
          if (s % kStep == 0) V::store(line, block.pair(s)), line += kLine;
      }
    }
  }
};

template <class V, class C>
struct PackedSource {
  static constexpr bool kPacked = true;
  using Block = typename C::Block;
  PackedSource() = default;
  PackedSource(const std::byte* panel, int64_t) : panel_(panel) {}
  Block block(int64_t b) const { return Block(at(b)); }
  const std::byte* at(int64_t b) const { return panel_ + b * kPanelBlock<V, C>; }

 private:
  const std::byte* panel_;
};

template <class V, class C>
struct StripSource {
  static constexpr bool kPacked = false;
  using S = Strip<V, C>;
  struct Block {
    const std::byte *codes, *lines;
    Block() = default;
    Block(const std::byte* c, const std::byte* l) : codes(c), lines(l + S::kHead * S::kLine) {}
    Head<V> head() const {  // loaded where it is used: registers are full till then
      const std::byte* const l = lines - S::kHead * S::kLine;
      Head<V> ends;
      ends.d = V::loadf(l);
      if (C::kMins) ends.dmin = V::loadf(l + S::kLine);
      for (int i = 0; i < kMinWords<C>; ++i) ends.mins[i] = V::load(l + (2 + i) * S::kLine);
      return ends;
    }
    void chunk(int s, Chunk<V>& c) const {
      for (int g = 0; g < 8; ++g) c.w[g] = V::load(codes + S::kLine * (8 * s + g));
    }
    typename V::I pair(int s) const { return V::load(lines + s / S::kStep * S::kLine); }
  };
  StripSource() = default;
  StripSource(const std::byte* strip, int64_t k) : strip_(strip), lines_(strip + k * V::kRows) {}
  Block block(int64_t b) const {
    return Block(strip_ + b * 64 * S::kLine, lines_ + b * S::kLines * S::kLine);
  }
  const std::byte* at(int64_t) const { return nullptr; }

 private:
  const std::byte *strip_, *lines_;
};

}  // namespace
}  // namespace engine::cpu
