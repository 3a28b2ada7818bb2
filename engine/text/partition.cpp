#include "engine/text/partition.h"

#include <algorithm>

namespace engine {
namespace {

bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

Partitioner::Partitioner(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {
  std::vector<TextTrie::Entry> any, user_defined;
  for (Token id = 0; id < vocabulary.size() && vocabulary.has_texts(); ++id) {
    if (!vocabulary.has(id, attr_control | attr_user_defined | attr_unknown)) continue;
    any.push_back({vocabulary.text(id), id});
    starts_[static_cast<uint8_t>(vocabulary.text(id).front())] = true;
    if (!vocabulary.has(id, attr_control | attr_unknown)) user_defined.push_back(any.back());
  }
  any_ = TextTrie(std::move(any));
  user_defined_ = TextTrie(std::move(user_defined));
}

Partitioner::Match Partitioner::longest(std::string_view text, uint32_t begin, uint32_t limit,
                                        bool parse_special) const {
  const TextTrie::Match m =
      (parse_special ? any_ : user_defined_).longest(text.substr(begin, limit));
  return {m.id, begin, m.bytes};
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
