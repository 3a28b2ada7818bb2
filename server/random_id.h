// Identifiers that replies carry: random, so that those of two servers differ.
#pragma once

#include <string>
#include <string_view>

namespace engine {

std::string random_id(std::string_view prefix);      // and 24 letters and digits
std::string random_hex_id(std::string_view prefix);  // and 24 hexadecimal digits
std::string random_call_id();                        // call_ and 8 of a-z0-9

}  // namespace engine
