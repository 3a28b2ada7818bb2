#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/cli/llama/settings.h"

namespace engine::cli {
namespace {

constexpr std::string_view kLetters = "ntrabfv\\\"'", kMeanings = "\n\t\r\a\b\f\v\\\"'";

}  // namespace

std::string unescape_text(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    const size_t letter = escape ? kLetters.find(text[i + 1]) : std::string_view::npos;
    if (letter != std::string_view::npos) {
      out += kMeanings[letter];
      ++i;
    } else if (escape && text[i + 1] == 'x' && i + 3 < text.size() &&
               std::isxdigit(static_cast<unsigned char>(text[i + 2])) &&
               std::isxdigit(static_cast<unsigned char>(text[i + 3]))) {
      out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace engine::cli
