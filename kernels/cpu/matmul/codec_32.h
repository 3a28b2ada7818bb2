// Codecs of the types with blocks of 32.
#pragma once

#include "kernels/cpu/matmul/codec.h"

namespace engine::cpu {
namespace {

template <class V>
struct Q4_0 {
  static constexpr DType kType = DType::q4_0;
  static constexpr int kSub = 32, kZero = 8, kDepth = 8;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      split_nibbles<V>(word_fields<V, kType>(p), c.w);
      c.scale[0] = V::load_half(p);
    }
  };
};

template <class V>
struct Q4_1 {
  static constexpr DType kType = DType::q4_1;
  static constexpr int kSub = 32, kZero = 0, kDepth = 8;
  static constexpr int kMinSub = kSub;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      split_nibbles<V>(word_fields<V, kType>(p), c.w);
      c.scale[0] = V::load_half(p);
      c.min[0] = V::load_half(half_field<V>(p, 1));
    }
  };
};

// Word 0 holds the fifth bits, spread: bit g of byte b belongs to byte b of w[g].
template <class V>
inline void five_bits(const std::byte* words, typename V::I* w) {
  const typename V::I high = word<V>(words, 0), bit4 = V::set8(16);
  split_nibbles<V>(words + 4 * V::kRows, w);
  for (int g = 0; g < 8; ++g)
    w[g] = V::or_(w[g], V::and_(g < 4 ? V::sll(high, 4 - g) : V::srl(high, g - 4), bit4));
}

template <class V>
struct Q5_0 {
  static constexpr DType kType = DType::q5_0;
  static constexpr int kSub = 32, kZero = 16, kDepth = 4;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      five_bits<V>(word_fields<V, kType>(p), c.w);
      c.scale[0] = V::load_half(p);
    }
  };
};

template <class V>
struct Q5_1 {
  static constexpr DType kType = DType::q5_1;
  static constexpr int kSub = 32, kZero = 0, kDepth = 4;
  static constexpr int kMinSub = kSub;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      five_bits<V>(word_fields<V, kType>(p), c.w);
      c.scale[0] = V::load_half(p);
      c.min[0] = V::load_half(half_field<V>(p, 1));
    }
  };
};

template <class V>
struct Q8_0 {
  static constexpr DType kType = DType::q8_0;
  static constexpr int kSub = 32, kZero = V::kSigned ? 0 : 128, kDepth = 1;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      const typename V::I top = V::set8(V::kSigned ? 0 : 128);
      for (int g = 0; g < 8; ++g) c.w[g] = V::xor_(word<V>(word_fields<V, kType>(p), g), top);
      c.scale[0] = V::load_half(p);
    }
  };
};

template <class V>
struct Iq4Nl {
  static constexpr DType kType = DType::iq4_nl;
  static constexpr int kSub = 32, kZero = V::kSigned ? 0 : 128, kDepth = 1;
  static constexpr int kMinSub = 0;
  static constexpr bool kInts = false, kNarrow = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(int, Chunk<V>& c) const {
      iq4_codes<V>(word_fields<V, kType>(p), c.w);
      c.scale[0] = V::load_half(p);
    }
  };
};

}  // namespace
}  // namespace engine::cpu
