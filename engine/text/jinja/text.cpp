// Text: origin marks, UTF-8, whitespace and case.
#include "engine/text/jinja/text.h"

#include <algorithm>

#include "engine/text/unicode.h"

namespace engine::jinja {

void TextBuilder::mark(size_t begin, size_t end) {
  if (begin == end) return;
  if (!ranges_.empty() && ranges_.back().end == begin) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({begin, end});
  }
}

void TextBuilder::part(const Text& t, size_t begin, size_t end) {
  const size_t base = bytes_.size();
  for (const Range& r : t.input) {
    const size_t b = std::max(r.begin, begin), e = std::min(r.end, end);
    if (b < e) mark(base + b - begin, base + e - begin);
  }
  bytes_ += t.bytes.substr(begin, end - begin);
}

size_t utf8_size_at(std::string_view s, size_t i) {
  return decode_utf8(s, i).bytes;
}

uint32_t utf8_at(std::string_view s, size_t i) {
  const int32_t c = decode_utf8(s, i).value;
  return c >= 0 ? static_cast<uint32_t>(c) : static_cast<unsigned char>(s[i]);
}

size_t utf8_length(std::string_view s) {
  size_t n = 0;
  for (size_t i = 0; i < s.size(); i += utf8_size_at(s, i)) ++n;
  return n;
}

size_t utf8_offset(std::string_view s, size_t n) {
  size_t i = 0;
  for (; n > 0 && i < s.size(); --n) i += utf8_size_at(s, i);
  return i;
}

void append_utf8(std::string& out, uint32_t c) {
  const bool valid = c < 0x110000 && !(c >= 0xd800 && c < 0xe000);
  engine::append_utf8(valid ? static_cast<int32_t>(c) : 0xfffd, out);
}

bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

namespace {

// Start of the code point that ends at byte `end`; Requires: end > 0.
size_t previous(std::string_view s, size_t end) {
  for (size_t n = std::min<size_t>(end, 4); n > 1; --n)
    if (utf8_size_at(s, end - n) == n) return end - n;
  return end - 1;
}

template <class Predicate>
std::string_view drop_left(std::string_view s, Predicate drop) {
  size_t i = 0;
  while (i < s.size() && drop(utf8_at(s, i))) i += utf8_size_at(s, i);
  return s.substr(i);
}

template <class Predicate>
std::string_view drop_right(std::string_view s, Predicate drop) {
  size_t end = s.size();
  while (end > 0) {
    const size_t start = previous(s, end);
    if (!drop(utf8_at(s, start))) break;
    end = start;
  }
  return s.substr(0, end);
}

auto one_of(std::string_view chars) {
  return [chars](uint32_t c) {
    for (size_t i = 0; i < chars.size(); i += utf8_size_at(chars, i))
      if (utf8_at(chars, i) == c) return true;
    return false;
  };
}

}  // namespace

std::string_view strip_left(std::string_view s) {
  return drop_left(s, is_space);
}
std::string_view strip_right(std::string_view s) {
  return drop_right(s, is_space);
}
std::string_view strip_left(std::string_view s, std::string_view chars) {
  return drop_left(s, one_of(chars));
}
std::string_view strip_right(std::string_view s, std::string_view chars) {
  return drop_right(s, one_of(chars));
}

namespace {

uint32_t lower(uint32_t c) {
  return static_cast<uint32_t>(lower_case(static_cast<int32_t>(c)));
}
uint32_t upper(uint32_t c) {
  return static_cast<uint32_t>(upper_case(static_cast<int32_t>(c)));
}

template <class Map>
std::string map_code_points(std::string_view s, Map map) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) {
    const size_t n = utf8_size_at(s, i);
    if (n == 1) {
      const auto c = static_cast<unsigned char>(s[i]);
      out += c < 0x80 ? static_cast<char>(map(c)) : s[i];
    } else {
      append_utf8(out, map(utf8_at(s, i)));
    }
    i += n;
  }
  return out;
}

bool all_cased(std::string_view s, uint32_t (*wanted)(uint32_t), uint32_t (*other)(uint32_t)) {
  bool any = false;
  for (size_t i = 0; i < s.size(); i += utf8_size_at(s, i)) {
    const uint32_t c = utf8_at(s, i);
    if (wanted(c) != c) return false;
    any = any || other(c) != c;
  }
  return any;
}

}  // namespace

std::string to_lower(std::string_view s) {
  return map_code_points(s, lower);
}
std::string to_upper(std::string_view s) {
  return map_code_points(s, upper);
}
bool is_cased_lower(std::string_view s) {
  return all_cased(s, lower, upper);
}
bool is_cased_upper(std::string_view s) {
  return all_cased(s, upper, lower);
}

}  // namespace engine::jinja
