// Token ids as text.
#include "engine/tools/token_list.h"

#include <fmt/format.h>

#include <charconv>

namespace engine {

Result<std::vector<Token>> parse_tokens(std::string_view text) {
  std::vector<Token> tokens;
  const auto skip = [&text](std::string_view any) {
    while (!text.empty() && any.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  };
  const auto bad = [&text] {
    return Error{Errc::invalid_argument, fmt::format("not a token id: \"{}\"", text.substr(0, 20))};
  };
  skip(" \t\r\n");
  const bool list = !text.empty() && text.front() == '[';
  if (list) text.remove_prefix(1);
  while (true) {
    skip(" \t\r\n");
    if (text.empty() || text.front() == ']') break;
    Token id = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (code != std::errc()) return bad();
    tokens.push_back(id);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    skip(" \t\r\n");
    if (!text.empty() && text.front() == ',') {
      text.remove_prefix(1);
    } else if (!text.empty() && text.front() != ']') {
      return bad();
    }
  }
  if (list != !text.empty()) return bad();
  if (list) text.remove_prefix(1);
  skip(" \t\r\n");
  if (!text.empty()) return bad();
  return tokens;
}

}  // namespace engine
