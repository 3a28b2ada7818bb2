// Cuts a text at the special tokens it spells. Longer texts win over shorter ones wherever they
// stand; among equals the lower id, then the earlier place.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "engine/text/text_trie.h"
#include "engine/text/vocabulary.h"

namespace engine {

struct Fragment {
  Token special;  // kNoToken: plain text [begin, end)
  uint32_t begin, end;
};

class Partitioner {
 public:
  explicit Partitioner(const Vocabulary& vocabulary);

  // parse_special: control and unknown tokens are recognised too; user-defined ones always are.
  // Thread-safe. Requires: text.size() < 2^31.
  std::vector<Fragment> cut(std::string_view text, bool parse_special) const;

 private:
  struct Match {
    Token id;
    uint32_t begin, bytes;
  };
  // The longest token at `begin` of at most `limit` bytes; id kNoToken: none.
  Match longest(std::string_view text, uint32_t begin, uint32_t limit, bool parse_special) const;

  TextTrie any_, user_defined_;  // all special tokens; those that are always recognised
  std::array<bool, 256> starts_{};
  const Vocabulary* vocabulary_;  // attributes of strip rules; the owner keeps it at its place
};

}  // namespace engine
