#include "server/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "server/cli/text_width.h"

namespace engine::cli {

TerminalSize terminal_size(int fd) {
  winsize size = {};
  TerminalSize out;
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return out;
  if (size.ws_col > 0) out.columns = size.ws_col;
  if (size.ws_row > 0) out.rows = size.ws_row;
  return out;
}

int terminal_width() {
  return terminal_size(STDOUT_FILENO).columns;
}
bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}
bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}
bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

bool takes_escapes(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(out)) == 1 && !(term != nullptr && std::string_view(term) == "dumb");
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Rune rune = next_rune(text, at);
    const bool control = rune.code < 0x20 || (rune.code >= 0x7f && rune.code < 0xa0);
    if (rune.code == 0xFFFD)
      out += "\uFFFD";
    else
      out += control ? std::string_view(" ") : rune.bytes;
  }
  return out;
}

std::string clipped(std::string_view text, int columns) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    const int width = next_rune(text, next).width;
    if (width > columns) break;
    columns -= width;
    at = next;
  }
  return std::string(text.substr(0, at));
}

}  // namespace engine::cli
