// A tag is one piece, and so is a word; every other sign is a piece of its own.
#include "engine/text/output/format_texts.h"

#include <algorithm>
#include <vector>

#include "engine/text/output/blanks.h"

namespace engine {
namespace {

constexpr size_t kMaxTag = 128;

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Length of the piece that text, which is not empty, begins with.
size_t first_piece(std::string_view text) {
  if (text[0] == '<') {
    // A tag, or the beginning of one whose rest is not in this text.
    const size_t end = text.find_first_of("<>\n", 1);
    if (end != text.npos && text[end] == '>' && end < kMaxTag) return end + 1;
    return std::min(text.find_first_of("<> \t\r\n\"'{}", 1), text.size());
  }
  if (text[0] == '[') {  // [TOOL_CALLS]
    const size_t end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_/", 1);
    return end != text.npos && end > 1 && text[end] == ']' ? end + 1 : 1;
  }
  size_t n = 0;
  while (n < text.size() && in_word(text[n])) ++n;
  return std::max<size_t>(n, 1);
}

std::vector<std::string_view> pieces(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    out.push_back(text.substr(0, first_piece(text)));
    text.remove_prefix(out.back().size());
  }
  return out;
}

bool is_tag(std::string_view piece) {
  return piece.size() > 2 && ((piece.front() == '<' && piece.back() == '>') ||
                              (piece.front() == '[' && piece.back() == ']'));
}

size_t common(std::string_view a, std::string_view b, bool from_end) {
  std::vector<std::string_view> left = pieces(a), right = pieces(b);
  if (from_end) {
    std::reverse(left.begin(), left.end());
    std::reverse(right.begin(), right.end());
  }
  size_t bytes = 0;
  for (size_t i = 0; i < std::min(left.size(), right.size()) && left[i] == right[i]; ++i)
    bytes += left[i].size();
  return bytes;
}

}  // namespace

size_t common_start(std::string_view a, std::string_view b) {
  return common(a, b, false);
}

size_t common_end(std::string_view a, std::string_view b) {
  return common(a, b, true);
}

std::string_view first_of_tags(std::string_view text) {
  const std::vector<std::string_view> all = pieces(trimmed(text));
  const bool tags = std::all_of(all.begin(), all.end(), [](std::string_view piece) {
    return is_tag(piece) || trimmed(piece).empty();
  });
  return tags && !all.empty() ? all.front() : std::string_view();
}

std::string_view last_tag(std::string_view text) {
  const std::vector<std::string_view> all = pieces(trimmed(text));
  return !all.empty() && is_tag(all.back()) ? all.back() : std::string_view();
}

}  // namespace engine
