// Codecs of the types with blocks of 32, and where their tiles take chunks from: packed bits, or a
// strip (the same panel with a byte per code).
#pragma once

#include "kernels/cpu/matmul/codec.h"

namespace engine::cpu {
namespace {

// A block is a chunk. Lane r of scale and min = row r.
template <class V>
struct Chunk32 {
  typename V::I w[8];
  typename V::F scale, min;  // min: only if kMin
};

// Codes that go in without sign are all shifted by 128: the sums of activations that make up for it
// are the same for all types.
template <class V>
inline void raise_codes(int by, typename V::I* w) {
  if constexpr (!V::kSigned)
    for (int g = 0; g < 8; ++g) w[g] = V::add8(w[g], V::set8(by));
}

template <class V>
struct Q4_0 {
  static constexpr DType kType = DType::q4_0;
  static constexpr int kZero = V::kSigned ? 8 : 128, kDepth = 8;
  static constexpr bool kMin = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      split_nibbles<V>(word_fields<V, kType>(p), c.w);
      raise_codes<V>(128 - 8, c.w);
      c.scale = V::load_half(p);
    }
  };
};

template <class V>
struct Q4_1 {
  static constexpr DType kType = DType::q4_1;
  static constexpr int kZero = 0, kDepth = 8;
  static constexpr bool kMin = true;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      split_nibbles<V>(word_fields<V, kType>(p), c.w);
      c.scale = V::load_half(p);
      c.min = V::load_half(half_field<V>(p, 1));
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
  static constexpr int kZero = V::kSigned ? 16 : 128, kDepth = 4;
  static constexpr bool kMin = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      five_bits<V>(word_fields<V, kType>(p), c.w);
      raise_codes<V>(128 - 16, c.w);
      c.scale = V::load_half(p);
    }
  };
};

template <class V>
struct Q5_1 {
  static constexpr DType kType = DType::q5_1;
  static constexpr int kZero = 0, kDepth = 4;
  static constexpr bool kMin = true;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      five_bits<V>(word_fields<V, kType>(p), c.w);
      c.scale = V::load_half(p);
      c.min = V::load_half(half_field<V>(p, 1));
    }
  };
};

template <class V>
struct Q8_0 {
  static constexpr DType kType = DType::q8_0;
  static constexpr int kZero = V::kSigned ? 0 : 128, kDepth = 1;
  static constexpr bool kMin = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      const typename V::I top = V::set8(V::kSigned ? 0 : 128);
      for (int g = 0; g < 8; ++g) c.w[g] = V::xor_(word<V>(word_fields<V, kType>(p), g), top);
      c.scale = V::load_half(p);
    }
  };
};

template <class V>
struct Iq4Nl {
  static constexpr DType kType = DType::iq4_nl;
  static constexpr int kZero = V::kSigned ? 0 : 128, kDepth = 1;
  static constexpr bool kMin = false;
  struct Block {
    const std::byte* p;
    explicit Block(const std::byte* block) : p(block) {}
    void chunk(Chunk32<V>& c) const {
      iq4_codes<V>(word_fields<V, kType>(p), c.w);
      c.scale = V::load_half(p);
    }
  };
};

// ---- sources ----

// Codes [k/32][8][rows][4], then by block float scales [rows] and minima [rows].
template <class V, class C>
struct Strip32 {
  static constexpr int kLine = 4 * V::kRows;  // bytes of a number per row
  static constexpr int kLines = C::kMin ? 2 : 1;

  static size_t bytes(int64_t k) noexcept {
    return static_cast<size_t>(k * V::kRows + k / 32 * kLines * kLine);
  }

  static void unpack(const std::byte* panel, int64_t k, std::byte* strip) noexcept {
    std::byte* line = strip + k * V::kRows;
    for (int64_t at = 0; at < k; at += 32, panel += kPanelBlock<V, C>, line += kLines * kLine) {
      Chunk32<V> c;
      typename C::Block(panel).chunk(c);
      for (int g = 0; g < 8; ++g, strip += kLine) V::store(strip, c.w[g]);
      V::storef(line, c.scale);
      if (C::kMin) V::storef(line + kLine, c.min);
    }
  }
};

template <class V, class C>
struct PackedSource32 {
  static constexpr bool kPacked = true;
  PackedSource32() = default;
  PackedSource32(const std::byte* panel, int64_t) : next_(panel) {}
  void next(Chunk32<V>& c) { typename C::Block(next_).chunk(c), next_ += kPanelBlock<V, C>; }
  const std::byte* at() const { return next_; }

 private:
  const std::byte* next_;
};

template <class V, class C>
struct StripSource32 {
  using S = Strip32<V, C>;
  static constexpr bool kPacked = false;
  StripSource32() = default;
  StripSource32(const std::byte* strip, int64_t k) : next_(strip), line_(strip + k * V::kRows) {}
  void next(Chunk32<V>& c) {
    for (int g = 0; g < 8; ++g) c.w[g] = V::load(next_ + S::kLine * g);
    c.scale = V::loadf(line_);
    if (C::kMin) c.min = V::loadf(line_ + S::kLine);
    next_ += 8 * S::kLine, line_ += S::kLine * S::kLines;
  }
  const std::byte* at() const { return next_; }

 private:
  const std::byte *next_, *line_;
};

}  // namespace
}  // namespace engine::cpu
