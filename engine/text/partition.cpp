#include "engine/text/partition.h"

#include <algorithm>

namespace engine {
namespace {

bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

Partitioner::Partitioner(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {
  struct Entry {
    std::string_view text;
    Token id;
  };
  std::vector<Entry> entries;
  for (Token id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.has_texts() &&
        vocabulary.has(id, attr_control | attr_user_defined | attr_unknown))
      entries.push_back({vocabulary.text(id), id});
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.text != b.text ? a.text < b.text : a.id < b.id;
  });

  // Breadth first over the sorted texts: a node covers a range of entries that share its prefix.
  struct Range {
    size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, entries.size(), 0}};
  nodes_.push_back({});
  for (size_t at = 0; at < nodes_.size(); ++at) {
    auto [begin, end, depth] = ranges[at];
    for (; begin < end && entries[begin].text.size() == depth; ++begin) {
      const Token id = entries[begin].id;
      const bool always =
          vocabulary.has(id, attr_user_defined) && !vocabulary.has(id, attr_control | attr_unknown);
      if (nodes_[at].any == kNoToken) nodes_[at].any = id;
      if (always && nodes_[at].user_defined == kNoToken) nodes_[at].user_defined = id;
    }
    nodes_[at].first_child = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = entries[begin].text[depth];
      size_t last = begin;
      while (last < end && entries[last].text[depth] == byte) ++last;
      Node node;
      node.byte = static_cast<uint8_t>(byte);
      nodes_.push_back(node);
      ranges.push_back({begin, last, depth + 1});
      ++nodes_[at].n_children;
      begin = last;
    }
  }
  for (uint32_t i = 0; i < nodes_[0].n_children; ++i)
    starts_[nodes_[nodes_[0].first_child + i].byte] = true;
}

const Partitioner::Node* Partitioner::child(const Node& node, uint8_t byte) const {
  const Node* first = nodes_.data() + node.first_child;
  const Node* last = first + node.n_children;
  const Node* found =
      std::lower_bound(first, last, byte, [](const Node& n, uint8_t b) { return n.byte < b; });
  return found != last && found->byte == byte ? found : nullptr;
}

Partitioner::Match Partitioner::longest(std::string_view text, uint32_t begin, uint32_t limit,
                                        bool parse_special) const {
  Match best{kNoToken, begin, 0};
  const Node* node = nodes_.data();
  for (uint32_t n = 0; n < limit; ++n) {
    node = child(*node, static_cast<uint8_t>(text[begin + n]));
    if (node == nullptr) break;
    if (const Token id = parse_special ? node->any : node->user_defined; id != kNoToken)
      best = {id, begin, n + 1};
  }
  return best;
}

std::vector<Fragment> Partitioner::cut(std::string_view text, bool parse_special) const {
  std::vector<Fragment> out;
  if (text.empty()) return out;
  const auto size = static_cast<uint32_t>(text.size());

  // The longest token at every place competes first. One that does not fit beside a winner is
  // replaced by the longest that does, which has a lower priority than any match decided so far:
  // the heap stays in order.
  std::vector<Match> heap;
  const auto worse = [](const Match& a, const Match& b) {
    if (a.bytes != b.bytes) return a.bytes < b.bytes;
    return a.id != b.id ? a.id > b.id : a.begin > b.begin;
  };
  for (uint32_t i = 0; i < size; ++i) {
    if (!starts_[static_cast<uint8_t>(text[i])]) continue;
    if (const Match m = longest(text, i, size - i, parse_special); m.id != kNoToken)
      heap.push_back(m);
  }
  if (heap.empty()) return {{kNoToken, 0, size}};
  std::make_heap(heap.begin(), heap.end(), worse);

  std::vector<uint8_t> taken(size, 0);  // by a token, or white space that a token swallows
  std::vector<Fragment> specials;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    const Match m = heap.back();
    heap.pop_back();
    if (taken[m.begin]) continue;
    uint32_t room = 1;
    while (room < m.bytes && !taken[m.begin + room]) ++room;
    if (room < m.bytes) {
      const Match shorter = longest(text, m.begin, room, parse_special);
      if (shorter.id == kNoToken) continue;
      heap.push_back(shorter);
      std::push_heap(heap.begin(), heap.end(), worse);
      continue;
    }
    const uint32_t end = m.begin + m.bytes;
    std::fill(taken.begin() + m.begin, taken.begin() + end, uint8_t{1});
    specials.push_back({m.id, m.begin, end});
    const uint16_t attrs = vocabulary_->attrs(m.id);
    if (attrs & attr_lstrip)
      for (uint32_t i = m.begin; i > 0 && !taken[i - 1] && is_ascii_space(text[i - 1]); --i)
        taken[i - 1] = 1;
    if (attrs & attr_rstrip)
      for (uint32_t i = end; i < size && !taken[i] && is_ascii_space(text[i]); ++i) taken[i] = 1;
  }

  std::sort(specials.begin(), specials.end(),
            [](const Fragment& a, const Fragment& b) { return a.begin < b.begin; });
  // between two tokens only its edges can be swallowed
  const auto plain = [&](uint32_t begin, uint32_t end) {
    while (begin < end && taken[begin]) ++begin;
    while (begin < end && taken[end - 1]) --end;
    if (begin < end) out.push_back({kNoToken, begin, end});
  };
  uint32_t at = 0;
  for (const Fragment& s : specials) {
    plain(at, s.begin);
    out.push_back(s);
    at = s.end;
  }
  plain(at, size);
  return out;
}

}  // namespace engine
