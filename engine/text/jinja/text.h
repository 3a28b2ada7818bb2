// Strings of the template language: UTF-8 bytes plus the parts of them that came from the request.
// Trusted text (the template, bos and eos) may form control tokens when the prompt is tokenized;
// input may not, so its origin is carried through concatenation, slices and filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine::jinja {

struct Range {
  size_t begin, end;  // bytes, end exclusive
};

struct Text {
  std::string_view bytes;    // lives as long as the program (literals) or the heap of the rendering
  std::vector<Range> input;  // ascending, disjoint

  bool has_input() const { return !input.empty(); }
};

// Collects a string piece by piece.
class TextBuilder {
 public:
  void plain(std::string_view s) { bytes_ += s; }
  void input(std::string_view s) { mark(bytes_.size(), bytes_.size() + s.size()), bytes_ += s; }
  void like(bool is_input, std::string_view s) { is_input ? input(s) : plain(s); }
  void add(const Text& t) { part(t, 0, t.bytes.size()); }
  void part(const Text& t, size_t begin, size_t end);  // Requires: begin <= end <= size of t

  size_t size() const { return bytes_.size(); }
  std::string& bytes() { return bytes_; }
  std::vector<Range>& ranges() { return ranges_; }

 private:
  void mark(size_t begin, size_t end);

  std::string bytes_;
  std::vector<Range> ranges_;
};

// Code points. Invalid bytes count as one code point each.

// bytes of the code point at i; Requires: i < s.size()
size_t utf8_size_at(std::string_view s, size_t i);
uint32_t utf8_at(std::string_view s, size_t i);  // the code point at i
size_t utf8_length(std::string_view s);          // code points in s
// byte offset of code point n, s.size() beyond the end
size_t utf8_offset(std::string_view s, size_t n);
void append_utf8(std::string& out, uint32_t code_point);

bool is_space(uint32_t code_point);  // Unicode whitespace, as Python's str.strip
std::string_view strip_left(std::string_view s);
std::string_view strip_right(std::string_view s);
inline std::string_view strip(std::string_view s) {
  return strip_left(strip_right(s));
}
// Strips any of the code points in `chars`.
std::string_view strip_left(std::string_view s, std::string_view chars);
std::string_view strip_right(std::string_view s, std::string_view chars);

std::string to_lower(std::string_view s);
std::string to_upper(std::string_view s);
bool is_cased_lower(std::string_view s);  // Python's islower
bool is_cased_upper(std::string_view s);

}  // namespace engine::jinja
