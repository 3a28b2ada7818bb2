// Strings of a file: reading them, and showing them in messages.
#include "gguf/cursor.h"

#include <fmt/format.h>

#include "engine/core/json_io.h"

namespace engine::gguf {

std::string_view Cursor::take_string(uint64_t n) {
  std::string_view s(reinterpret_cast<const char*>(here()), static_cast<size_t>(n));
  pos_ += static_cast<size_t>(n);
  // Some version 1 producers counted the terminator.
  if (encoding_.v1 && !s.empty() && s.back() == '\0') s.remove_suffix(1);
  return s;
}

std::string printable(std::string_view s) {
  constexpr size_t kMax = 128;
  std::string out;
  for (const char c : repair_utf8(s.substr(0, kMax))) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f)
      out += fmt::format("\\x{:02x}", u);
    else
      out += c;
  }
  if (s.size() > kMax) out += "...";
  return out;
}

}  // namespace engine::gguf
