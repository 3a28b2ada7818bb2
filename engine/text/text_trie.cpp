#include "engine/text/text_trie.h"

#include <algorithm>

namespace engine {

TextTrie::TextTrie(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.text < b.text; });
  // Breadth first over the sorted texts: a node covers a range of entries that share its prefix.
  struct Range {
    size_t begin, end;
  };
  std::vector<Range> level{{0, entries.size()}}, next;  // of the nodes from `first` on
  size_t first = 0;
  for (size_t depth = 0; !level.empty(); ++depth) {
    next.clear();
    for (size_t i = 0; i < level.size(); ++i) {
      auto [begin, end] = level[i];
      const size_t at = first + i;
      if (begin < end && entries[begin].text.size() == depth) nodes_[at].id = entries[begin].id;
      while (begin < end && entries[begin].text.size() == depth) ++begin;
      nodes_[at].first_child = static_cast<uint32_t>(nodes_.size());
      while (begin < end) {
        const char byte = entries[begin].text[depth];
        size_t last = begin;
        while (last < end && entries[last].text[depth] == byte) ++last;
        Node node;
        node.byte = static_cast<uint8_t>(byte);
        nodes_.push_back(node);
        next.push_back({begin, last});
        ++nodes_[at].n_children;
        begin = last;
      }
    }
    first += level.size();
    level.swap(next);
  }
}

const TextTrie::Node* TextTrie::child(const Node& node, uint8_t byte) const {
  const Node* first = nodes_.data() + node.first_child;
  const Node* last = first + node.n_children;
  const Node* found =
      std::lower_bound(first, last, byte, [](const Node& n, uint8_t b) { return n.byte < b; });
  return found != last && found->byte == byte ? found : nullptr;
}

TextTrie::Match TextTrie::longest(std::string_view text) const {
  Match best;
  const Node* node = &root();
  for (uint32_t n = 0; n < text.size(); ++n) {
    node = child(*node, static_cast<uint8_t>(text[n]));
    if (node == nullptr) break;
    if (node->id != kNoToken) best = {node->id, n + 1};
  }
  return best;
}

}  // namespace engine
