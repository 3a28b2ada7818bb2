// UTF-8 and the Unicode properties that tokenizers ask for. The one door to utf8proc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

struct CodePoint {
  int32_t value;   // -1: no valid sequence starts here
  uint32_t bytes;  // 1 for an invalid byte, so that scans always advance
};

// Strict: overlong forms, surrogates and values above U+10FFFF are invalid.
// Requires: at < text.size().
CodePoint decode_utf8(std::string_view text, size_t at);

// Requires: a code point that is neither a surrogate nor above U+10FFFF.
void append_utf8(int32_t code_point, std::string& out);

bool is_valid_utf8(std::string_view text);

// Bytes announced by a lead byte alone (high nibble 0-B: 1, C and D: 2, E: 3, F: 4), as
// SentencePiece cuts characters.
inline uint32_t utf8_lead_length(char lead) {
  constexpr uint8_t kLength[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  return kLength[static_cast<uint8_t>(lead) >> 4];
}

// Major general categories: what \p{L}, \p{N} and so on of the pre-tokenizer patterns mean. C holds
// Cc, Cf, Co, Cs, unassigned.
enum class CharClass : uint8_t { letter, mark, number, punctuation, symbol, separator, other };
CharClass char_class(int32_t code_point);

bool is_decimal_digit(int32_t code_point);  // category Nd
bool is_white_space(int32_t code_point);    // the property White_Space

bool is_control(int32_t code_point);  // Cc, Cf, Co, Cs: no letter of any script

// The first code point of the canonical decomposition (NFD): a letter without its accents.
int32_t base_letter(int32_t code_point);

// Simple case mappings; a code point without one stays as it is.
int32_t lower_case(int32_t code_point);
int32_t upper_case(int32_t code_point);

}  // namespace engine
