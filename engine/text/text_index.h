// The texts of a vocabulary in one arena, and the way back from a text
// to its id: a flat table with open addressing.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/row_output.h"

namespace engine {

// Mixes 8 bytes a step; made for short strings, not for hostile ones.
inline uint64_t hash_text(std::string_view s) {
  constexpr uint64_t kMul = 0x9e3779b97f4a7c15u;
  const auto load = [](const char* p, auto word) {
    std::memcpy(&word, p, sizeof word);
    return uint64_t{word};
  };
  const auto mix = [](uint64_t h, uint64_t v) {
    h = (h ^ v) * kMul;
    return h ^ (h >> 32);
  };
  const char* p = s.data();
  size_t n = s.size();
  uint64_t h = mix(kMul, n);
  for (; n > 8; p += 8, n -= 8) h = mix(h, load(p, uint64_t{}));
  if (n >= 4) return mix(h, load(p, uint32_t{}) << 32 | load(p + n - 4, uint32_t{}));
  if (n == 0) return h;
  const auto byte = [p](size_t i) { return uint64_t{static_cast<uint8_t>(p[i])}; };
  return mix(h, byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1));
}

class TextIndex {
 public:
  TextIndex() = default;
  // Copies the texts. An empty text at i becomes "[EMPTY_i]"; of equal texts the last id is the one
  // that find() gives. Requires: fewer than 2^31 texts of together fewer than 2^32 bytes.
  explicit TextIndex(std::span<const std::string_view> texts);

  int32_t size() const { return static_cast<int32_t>(begins_.empty() ? 0 : begins_.size() - 1); }
  std::string_view text(Token id) const {
    const uint32_t* begin = begins_.data() + id;
    return {arena_.data() + begin[0], begin[1] - begin[0]};
  }
  Token find(std::string_view text) const;  // kNoToken: no such text

  int32_t duplicates() const { return duplicates_; }
  size_t longest() const { return longest_; }  // bytes of the longest text

 private:
  struct Slot {
    uint32_t tag;      // high half of the hash
    uint32_t id_plus;  // id + 1; 0: free
  };
  void insert(Token id);

  std::string arena_;
  std::vector<uint32_t> begins_;
  std::vector<Slot> slots_;
  size_t mask_ = 0, longest_ = 0;
  int32_t duplicates_ = 0;
};

}  // namespace engine
