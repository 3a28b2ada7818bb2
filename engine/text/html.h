// Text as HTML and the values of its attributes may hold it; both template languages escape so.
#pragma once

#include <string>

namespace engine {

// false: c stands for itself, and nothing was appended.
inline bool append_html_escape(char c, std::string& out) {
  switch (c) {
    case '&':
      out += "&amp;";
      return true;
    case '<':
      out += "&lt;";
      return true;
    case '>':
      out += "&gt;";
      return true;
    case '"':
      out += "&#34;";
      return true;
    case '\'':
      out += "&#39;";
      return true;
    default:
      return false;
  }
}

}  // namespace engine
