#include "server/cli/text_width.h"

#include <utf8proc.h>

#include <algorithm>

namespace engine::cli {
namespace {

// Where clusters are looked for: further back than any real one reaches.
constexpr size_t kLookBack = 256;

}  // namespace

Rune next_rune(std::string_view text, size_t& at) {
  utf8proc_int32_t code = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  const utf8proc_ssize_t n =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  if (n <= 0) return {text.substr(at++, 1), 1, 0xFFFD};
  const Rune rune{text.substr(at, static_cast<size_t>(n)), utf8proc_charwidth(code),
                  static_cast<char32_t>(code)};
  at += static_cast<size_t>(n);
  return rune;
}

size_t next_cluster(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  utf8proc_int32_t state = 0;
  char32_t before = next_rune(text, at).code;
  while (at < text.size()) {
    size_t behind = at;
    const char32_t code = next_rune(text, behind).code;
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                         static_cast<utf8proc_int32_t>(code), &state))
      break;
    before = code;
    at = behind;
  }
  return at;
}

size_t previous_cluster(std::string_view text, size_t at) {
  size_t begin = at > kLookBack ? at - kLookBack : 0;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  // A line end always ends a cluster: a good place to begin.
  if (const size_t line = at > 0 ? text.rfind('\n', at - 1) : std::string_view::npos;
      line != std::string_view::npos && line >= begin)
    begin = line + 1 < at ? line + 1 : line;
  size_t last = begin;
  while (begin < at) {
    last = begin;
    begin = next_cluster(text, begin);
  }
  return std::min(last, at);
}

}  // namespace engine::cli
