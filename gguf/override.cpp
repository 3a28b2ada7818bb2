#include "gguf/override.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>

namespace engine::gguf {
namespace {

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<Override> parse_override(std::string_view text) {
  const Error wrong{Errc::invalid_argument,
                    fmt::format("malformed override '{}': KEY=TYPE:VALUE is needed, TYPE one of "
                                "int, float, bool, str",
                                text)};
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) return wrong;
  const size_t colon = text.find(':', equals);
  if (colon == text.npos) return wrong;
  const std::string_view type = text.substr(equals + 1, colon - equals - 1),
                         value = text.substr(colon + 1);
  Override out{std::string(text.substr(0, equals)), {}};
  if (type == "str") {
    out.value = std::string(value);
    return out;
  }
  if (type == "bool" && (value == "true" || value == "false")) {
    out.value = value == "true";
    return out;
  }
  int64_t whole = 0;
  if (type == "int" && read_number(value, whole)) {
    out.value = whole;
    return out;
  }
  double number = 0;
  if (type == "float" && read_number(value, number) && std::isfinite(number)) {
    out.value = number;
    return out;
  }
  return wrong;
}

}  // namespace engine::gguf
