// Identifiers that replies carry: random, so that those of two servers differ.
#pragma once

#include <string>
#include <string_view>

namespace engine {

std::string random_id(std::string_view prefix);      // and 24 letters and digits
std::string random_hex_id(std::string_view prefix);  // and 24 hexadecimal digits

}  // namespace engine
