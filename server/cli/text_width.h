// Characters and the columns they take on a terminal. text_width.cpp is the file of the command line
// that knows the Unicode library.
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

// What people take for one character may be several: a letter with its marks, joined emoji.
// The begin of the next one behind `at`, and of the one before it. 0 <= at <= text.size().
size_t next_cluster(std::string_view text, size_t at);
size_t previous_cluster(std::string_view text, size_t at);

}  // namespace engine::cli
