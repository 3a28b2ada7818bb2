// Nothing is decoded: a request with bad data is refused before a model is looked for.
#include "server/base64.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace engine {

bool valid_base64(std::string_view text) {
  if (text.starts_with("data:")) {
    const size_t comma = text.find(";base64,");
    if (comma == std::string_view::npos) return false;
    text.remove_prefix(comma + 8);
  }
  size_t symbols = 0, padding = 0;
  for (const char c : text) {
    if (c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!letter || padding > 0) return false;
    ++symbols;
  }
  return symbols % 4 != 1 && padding <= 2 && (padding == 0 || (symbols + padding) % 4 == 0);
}

Status check_images(const Json* list, const std::string& path) {
  if (!list) return ok;
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_string())
      return Error{Errc::invalid_argument,
                   fmt::format("field \"{}[{}]\": expected string", path, i)};
    if (!valid_base64((*list)[i].get_ref<const std::string&>()))
      return Error{Errc::invalid_argument,
                   fmt::format("field \"{}[{}]\": illegal base64 data", path, i)};
  }
  return ok;
}

}  // namespace engine
