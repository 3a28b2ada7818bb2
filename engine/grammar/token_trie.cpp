#include "engine/grammar/token_trie.h"

#include <algorithm>

namespace engine::grammar {
namespace {

// Whole characters, none of them " \ or a control character.
bool is_text(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto at = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : 0u; };
    const uint32_t c = at(i);
    if (c < 0x80) {
      if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') return false;
      ++i;
      continue;
    }
    const size_t n = c >= 0xc2 && c <= 0xdf   ? 2
                     : c >= 0xe0 && c <= 0xef ? 3
                     : c >= 0xf0 && c <= 0xf4 ? 4
                                              : 0;
    if (n == 0) return false;
    for (size_t k = 1; k < n; ++k)
      if ((at(i + k) & 0xc0) != 0x80) return false;
    const uint32_t second = at(i + 1);
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
        (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
      return false;
    i += n;
  }
  return true;
}

void set(std::vector<uint64_t>& mask, Token t) {
  mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (t % 64);
}

}  // namespace

TokenTrie::TokenTrie(const std::vector<std::string>& pieces, std::vector<Token> ends)
    : ends_(std::move(ends)), same_(pieces.size(), -1) {
  offsets_.push_back(0);
  for (const std::string& p : pieces) bytes_ += p, offsets_.push_back(bytes_.size());
  text_mask_.resize(words()), end_mask_.resize(words());
  std::erase_if(ends_, [&](Token t) { return t < 0 || static_cast<size_t>(t) >= size(); });
  for (const Token t : ends_) set(end_mask_, t);
  std::vector<Token> text, other;
  for (size_t i = 0; i < size(); ++i) {
    const auto t = static_cast<Token>(i);
    const std::string_view p = piece(t);
    if (p.empty() || p.size() > kMaxTokenBytes || is_end(t)) continue;
    if (is_text(p))
      text.push_back(t), set(text_mask_, t);
    else
      other.push_back(t);
  }
  text_ = build(std::move(text));
  other_ = build(std::move(other));
}

std::vector<TokenTrie::Node> TokenTrie::build(std::vector<Token> tokens) {
  std::sort(tokens.begin(), tokens.end(), [&](Token a, Token b) {
    const int order = piece(a).compare(piece(b));
    return order < 0 || (order == 0 && a < b);
  });
  std::vector<Node> out;
  std::vector<uint32_t> path;  // nodes of the current token
  std::string_view last;
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      out[path.back()].skip = static_cast<uint32_t>(out.size());
  };
  for (const Token t : tokens) {
    const std::string_view p = piece(t);
    const auto common = static_cast<size_t>(
        std::mismatch(p.begin(), p.end(), last.begin(), last.end()).first - p.begin());
    leave(common);
    for (size_t d = common; d < p.size(); ++d) {
      path.push_back(static_cast<uint32_t>(out.size()));
      out.push_back({-1, 0, static_cast<uint16_t>(d + 1), static_cast<uint8_t>(p[d])});
    }
    Node& node = out[path.back()];
    same_[static_cast<size_t>(t)] = node.token;
    node.token = t;
    depth_ = std::max(depth_, p.size());
    last = p;
  }
  leave(0);
  return out;
}

}  // namespace engine::grammar
