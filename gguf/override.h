// Override: a metadata key with a value of the user, which takes the place of what a file says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "engine/core/result.h"

namespace engine::gguf {

struct Override {
  std::string key;
  std::variant<int64_t, double, bool, std::string> value;
  bool operator==(const Override&) const = default;
};

// "KEY=TYPE:VALUE", TYPE one of int, float, bool, str; true or false as a bool.
// Errc::invalid_argument shows the text.
Result<Override> parse_override(std::string_view text);

}  // namespace engine::gguf
