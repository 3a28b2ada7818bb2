// Codecs of the types with blocks of 256: eight chunks of 32, each with its own scale (and
// minimum), or two of them. Four consecutive sub-block scales of a row are one 32-bit word, so the
// 6-bit scales of all rows are unpacked side by side.
#pragma once

#include "kernels/cpu/matmul/codec.h"

namespace engine::cpu {
namespace {

// Words 0..2 of q4_k and q5_k: eight 6-bit scales and eight 6-bit minima,
// here as bytes, four to a word.
template <class V>
struct ScaleMin6 {
  typename V::F d, dmin;
  typename V::I scale[2], min[2];

  ScaleMin6(const std::byte* p, const std::byte* words) : d(V::load_half(p)) {
    dmin = V::mul(V::set1(-1), V::load_half(half_field<V>(p, 1)));
    const typename V::I s0 = word<V>(words, 0), s1 = word<V>(words, 1), s2 = word<V>(words, 2);
    const typename V::I six = V::set8(0x3f), four = V::set8(0x0f), top = V::set8(0x30);
    scale[0] = V::and_(s0, six);
    min[0] = V::and_(s1, six);
    scale[1] = V::or_(V::and_(s2, four), V::and_(V::srl(s0, 2), top));
    min[1] = V::or_(V::and_(V::srl(s2, 4), four), V::and_(V::srl(s1, 2), top));
  }
  template <class C>
  void chunk(int s, Chunk<V>& c) const {
    c.scale[0] = d;
    set_int<C>(c, 0, V::and_(V::srl(scale[s / 4], 8 * (s % 4)), V::set32(255)));
    c.min[0] = V::mul(dmin, byte_float<V>(min[s / 4], s % 4));
  }
};

template <class V>
struct Q4_K {
  static constexpr DType kType = DType::q4_k;
  static constexpr int kSub = 32, kZero = 0, kDepth = 8;
  static constexpr int kMinSub = kSub;
  static constexpr bool kInts = true, kNarrow = false;
  struct Block {
    const std::byte* words;
    ScaleMin6<V> scales;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), scales(p, words) {}
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (3 + s / 2 * 8), s % 2 * 4, 15, c.w);
      scales.template chunk<Q4_K>(s, c);
    }
  };
};

template <class V>
struct Q5_K {
  static constexpr DType kType = DType::q5_k;
  static constexpr int kSub = 32, kZero = 0, kDepth = 4;
  static constexpr int kMinSub = kSub;
  static constexpr bool kInts = true, kNarrow = false;
  struct Block {
    const std::byte* words;
    ScaleMin6<V> scales;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), scales(p, words) {}
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (11 + s / 2 * 8), s % 2 * 4, 15, c.w);
      or_field<V>(words + 4 * V::kRows * 3, s, 1, 4, c.w);
      scales.template chunk<Q5_K>(s, c);
    }
  };
};

template <class V>
struct Q6_K {
  static constexpr DType kType = DType::q6_k;
  static constexpr int kSub = 16, kZero = 32, kDepth = 2;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = true, kNarrow = false;
  struct Block {
    const std::byte* words;  // low 4 bits: 32 words, high 2 bits: 16, scales: 4
    typename V::F d;
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), d(V::load_half(p)) {}
    void chunk(int s, Chunk<V>& c) const {
      const int n = s / 4, t = s % 4;  // half of the block, 32 of its 128
      take_field<V>(words + 4 * V::kRows * (n * 16 + t % 2 * 8), t / 2 * 4, 15, c.w);
      or_field<V>(words + 4 * V::kRows * (32 + n * 8), t * 2, 3, 4, c.w);
      const typename V::I scales = word<V>(words, 48 + s / 2);
      c.scale[0] = d;
      for (int h = 0; h < 2; ++h)
        set_int<Q6_K>(c, h, V::sra24(V::sll(scales, 24 - 8 * (s % 2 * 2 + h))));
    }
  };
};

template <class V>
struct Q2_K {
  static constexpr DType kType = DType::q2_k;
  static constexpr int kSub = 16, kMinSub = 16, kZero = 0, kDepth = 4;
  static constexpr bool kInts = true, kNarrow = true;
  static constexpr int kStripZero = 0;  // 15 * 3 at most
  struct Block {
    const std::byte* words;  // scale and minimum nibbles: 4 words, codes: 16
    typename V::F d, dmin;
    explicit Block(const std::byte* p)
        : words(word_fields<V, kType>(p)),
          d(V::load_half(p)),
          dmin(V::mul(V::set1(-1), V::load_half(half_field<V>(p, 1)))) {}
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (4 + s / 4 * 8), s % 4 * 2, 3, c.w);
      const typename V::I pair = V::srl(word<V>(words, s / 2), s % 2 * 16), low = V::set32(15);
      c.scale[0] = d;
      for (int h = 0; h < 2; ++h) {
        set_int<Q2_K>(c, h, V::and_(V::srl(pair, 8 * h), low));
        c.min[h] = V::mul(dmin, V::to_float(V::and_(V::srl(pair, 8 * h + 4), low)));
      }
    }
  };
};

template <class V>
struct Q3_K {
  static constexpr DType kType = DType::q3_k;
  static constexpr int kSub = 16, kMinSub = 0, kZero = 4, kDepth = 4;
  static constexpr bool kInts = true, kNarrow = true;
  static constexpr int kStripZero = 127;  // -32..31 times -4..3 is -124..128
  struct Block {
    const std::byte* words;  // bit 2: 8 words, low 2 bits: 16, scales: 3
    typename V::F d;
    typename V::I scale[4];  // + 32, as bytes
    explicit Block(const std::byte* p) : words(word_fields<V, kType>(p)), d(V::load_half(p)) {
      const typename V::I high = word<V>(words, 26), four = V::set8(0x0f), top = V::set8(0x30);
      for (int i = 0; i < 2; ++i) {
        const typename V::I low = word<V>(words, 24 + i);
        scale[i] = V::or_(V::and_(low, four), V::and_(V::sll(high, 4 - 2 * i), top));
        scale[i + 2] = V::or_(V::and_(V::srl(low, 4), four), V::and_(V::srl(high, 2 * i), top));
      }
    }
    void chunk(int s, Chunk<V>& c) const {
      take_field<V>(words + 4 * V::kRows * (8 + s / 4 * 8), s % 4 * 2, 3, c.w);
      or_field<V>(words, s, 1, 2, c.w);
      c.scale[0] = d;
      for (int h = 0; h < 2; ++h) {
        const typename V::I sc = V::and_(V::srl(scale[s / 2], s % 2 * 16 + 8 * h), V::set32(255));
        set_int<Q3_K>(c, h, V::sub32(sc, V::set32(32)));
      }
    }
  };
};

template <class V>
struct Iq4Xs {
  static constexpr DType kType = DType::iq4_xs;
  static constexpr int kSub = 32, kZero = V::kSigned ? 0 : 128, kDepth = 1;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = true, kNarrow = false;
  struct Block {
    const std::byte* words;  // low 4 bits of eight scales: 1 word, codes: 32
    typename V::F d;
    typename V::I high;  // high 2 bits of the scales
    explicit Block(const std::byte* p)
        : words(word_fields<V, kType>(p)),
          d(V::load_half(p)),
          high(V::words16(half_field<V>(p, 1))) {}
    void chunk(int s, Chunk<V>& c) const {
      iq4_codes<V>(words + 4 * V::kRows * (1 + s * 4), c.w);
      const typename V::I low = V::and_(V::srl(word<V>(words, 0), 4 * s), V::set32(15));
      const typename V::I top = V::sll(V::and_(V::srl(high, 2 * s), V::set32(3)), 4);
      c.scale[0] = d;
      set_int<Iq4Xs>(c, 0, V::sub32(V::or_(low, top), V::set32(32)));
    }
  };
};

}  // namespace
}  // namespace engine::cpu
