// White space around the tags of an answer.
#pragma once

#include <algorithm>
#include <string_view>

namespace engine {

inline constexpr std::string_view kBlanks = " \t\r\n";

inline size_t leading_blanks(std::string_view s) {
  return std::min(s.find_first_not_of(kBlanks), s.size());
}

inline std::string_view trimmed(std::string_view s) {
  s.remove_prefix(leading_blanks(s));
  const size_t last = s.find_last_not_of(kBlanks);
  return s.substr(0, last == s.npos ? 0 : last + 1);
}

}  // namespace engine
