// Texts as a tree of bytes: which tokens begin at a place of a text. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/text/vocab_data.h"

namespace engine {

class TextTrie {
 public:
  struct Entry {
    std::string_view text;
    Token id;
  };
  struct Match {
    Token id = kNoToken;
    uint32_t bytes = 0;
  };
  // The children of a node lie side by side, ascending by byte.
  struct Node {
    uint32_t first_child = 0;
    Token id = kNoToken;  // kNoToken: no token ends here
    uint16_t n_children = 0;
    uint8_t byte = 0;
  };

  TextTrie() = default;
  // Keeps nothing of the entries. Of equal texts the first one counts. Requires: no empty text.
  explicit TextTrie(std::vector<Entry> entries);

  const Node& root() const { return nodes_.front(); }
  // nullptr: no text goes on with this byte.
  const Node* child(const Node& node, uint8_t byte) const;
  // The longest token that begins `text`; id kNoToken: none.
  Match longest(std::string_view text) const;

 private:
  std::vector<Node> nodes_{Node{}};
};

}  // namespace engine
