// Reading the standard input to its end.
#include "server/cli/stdin_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace engine::cli {

Result<std::string> read_stdin_text() {
  constexpr size_t kMost = size_t{256} << 20;
  std::string text;
  char buffer[1 << 16];
  if (::isatty(STDIN_FILENO)) fmt::print(stderr, "the text, then Ctrl-D on a line of its own:\n");
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return Error{Errc::cancelled, "interrupted"};
    if (n < 0)
      return Error{Errc::io,
                   fmt::format("cannot read the standard input: {}", std::strerror(errno))};
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > kMost)
      return Error{Errc::invalid_argument, "the standard input is larger than 256 MiB"};
  }
}

}  // namespace engine::cli
