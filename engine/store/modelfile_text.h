// The characters of a Modelfile: bytes to UTF-8, and what counts as blank or printable there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// UTF-8 without byte-order mark out of UTF-8 or marked UTF-16; invalid parts become U+FFFD.
std::string decode_modelfile(std::string_view bytes);

// Without Unicode white space at both ends. text: valid UTF-8.
std::string_view trim_unicode(std::string_view text);

// Letters, marks, numbers, punctuation, symbols and the plain blank.
bool is_printable(int32_t code_point);

}  // namespace engine
