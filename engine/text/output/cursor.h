// How the readers of calls go through a text with tags.
#pragma once

#include <string_view>

#include "engine/text/output/blanks.h"

namespace engine {

// A cursor over the text between the tags of a call.
struct Cursor {
  std::string_view rest;

  void skip_blanks() { rest.remove_prefix(leading_blanks(rest)); }
  bool done() { return skip_blanks(), rest.empty(); }
  bool eat(std::string_view tag) {
    if (tag.empty() || !rest.starts_with(tag)) return false;
    rest.remove_prefix(tag.size());
    return true;
  }
  // The same, white space in the tag being any white space or none.
  bool eat_loosely(std::string_view tag) {
    const std::string_view before = rest;
    tag = trimmed(tag);
    while (!tag.empty()) {
      skip_blanks();
      const size_t word = std::min(tag.find_first_of(kBlanks), tag.size());
      if (!eat(tag.substr(0, word))) return rest = before, false;
      tag = trimmed(tag.substr(word));
    }
    return true;
  }
  // The text up to end, which is eaten. false: there is no end.
  bool until(std::string_view end, std::string_view& out) {
    const size_t at = rest.find(end);
    if (at == rest.npos) return false;
    out = rest.substr(0, at);
    rest.remove_prefix(at + end.size());
    return true;
  }
  bool until_loosely(std::string_view end, std::string_view& out) {
    end = trimmed(end);
    const size_t word = std::min(end.find_first_of(kBlanks), end.size());
    return until(end.substr(0, word), out) && eat_loosely(end.substr(word));
  }
};

// One line break at either end belongs to the layout.
inline std::string_view without_layout(std::string_view s) {
  if (s.starts_with("\r\n"))
    s.remove_prefix(2);
  else if (s.starts_with('\n'))
    s.remove_prefix(1);
  if (s.ends_with("\r\n"))
    s.remove_suffix(2);
  else if (s.ends_with('\n'))
    s.remove_suffix(1);
  return s;
}

}  // namespace engine
