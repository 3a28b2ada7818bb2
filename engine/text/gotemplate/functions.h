// Lookup of the functions of functions.inc.
#pragma once

#include <string_view>
#include <vector>

#include "engine/text/gotemplate/value.h"

namespace engine::gotemplate {

class Interpreter;

inline constexpr int kAny = -1;

struct Function {
  enum class Kind : uint8_t { plain, until_false, until_true };
  using Call = Value (*)(Interpreter&, const std::vector<Value>& args);

  std::string_view name;
  int fewest, most;
  Kind kind;
  Call call;  // null unless plain
};

const Function* find_function(std::string_view name);

}  // namespace engine::gotemplate
