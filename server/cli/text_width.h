// Characters and the columns they take on a terminal. Implemented in line_editor.cpp, the file that
// may use the Unicode library.
#pragma once

#include <cstddef>
#include <string_view>

namespace engine::cli {

struct Rune {
  std::string_view bytes;
  int width;  // 0 for combining marks and controls, 2 for wide characters
  char32_t code;
};

// The character at text[at]; moves at behind it. An invalid byte is one character of width one.
// Requires: at < text.size().
Rune next_rune(std::string_view text, size_t& at);

}  // namespace engine::cli
