// What the program knows about its terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace engine::cli {

struct TerminalSize {
  int columns = 80, rows = 24;
};

// 80 x 24 when the descriptor is no terminal, or one without a size.
TerminalSize terminal_size(int fd);
int terminal_width();  // of stdout
bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
// A terminal that understands escape sequences (TERM is not "dumb").
bool takes_escapes(std::FILE* out);

// The text without control characters: what a server sends must not steer the terminal.
std::string printable(std::string_view text);
// As much of the beginning of the text as fits in so many columns.
std::string clipped(std::string_view text, int columns);

}  // namespace engine::cli
