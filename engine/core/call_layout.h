// CallLayout: how a model was trained to write calls of tools, as plain data: what a grammar that
// forces a call is made from.
#pragma once

#include <string_view>

namespace engine {

// Texts with holes: $name, $arguments (all of them as one JSON object) or $parameters (one after the
// other), $key and $value of a parameter, $kind (true for a text, else false), $index (a number),
// $gap (nothing, a blank or a line break), $text (anything up to the tag behind it).
struct CallLayout {
  std::string_view prelude;               // may come in front of everything
  std::string_view begin, end;            // around all calls
  std::string_view call, between;         // call empty: calls cannot be forced
  std::string_view parameter, separator;  // of $parameters
  bool single = false;                    // never more than one call
  bool list = false;                      // several calls stand in brackets
};

}  // namespace engine
