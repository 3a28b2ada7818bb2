// The merges of a BPE vocabulary by the ids of their parts: open addressing, 16 bytes a slot.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/text/symbol_merge.h"
#include "engine/text/text_index.h"

namespace engine {

class MergeTable {
 public:
  // lines: "A B", best first. A part or a result that is no token gets an id of its own above the
  // vocabulary, because it can still take part in later merges. Of a repeated line the first
  // counts; a line without two parts is ignored. `index` must outlive the table.
  MergeTable(const TextIndex& index, std::span<const std::string_view> lines);

  // The id of a symbol with this text: a token, a text that only merges know, or kNoToken.
  Token symbol(std::string_view text) const;

  PairMerge find(Token left, Token right) const {
    if ((left | right) < 0) return {0, -1};
    const uint64_t key = pair_key(left, right);
    for (size_t at = place(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].merge;
      if (slots_[at].key == kFree) return {0, -1};
    }
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  struct Slot {
    uint64_t key = kFree;
    PairMerge merge{0, -1};
  };
  static uint64_t pair_key(Token left, Token right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t key) const {
    return ((key ^ (key >> 29)) * 0x9e3779b97f4a7c15u >> 32) & mask_;
  }
  Token symbol_or_new(std::string_view text);

  const TextIndex* index_;
  std::unordered_map<std::string, Token> extra_;
  std::vector<Slot> slots_;
  size_t mask_ = 0;
};

}  // namespace engine
