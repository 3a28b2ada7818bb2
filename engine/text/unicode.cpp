#include "engine/text/unicode.h"

#include <utf8proc.h>

#include <cstring>

namespace engine {

CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto* s = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at);
  if (*s < 0x80) return {*s, 1};
  const size_t left = text.size() - at;
  utf8proc_int32_t value = -1;
  const utf8proc_ssize_t n =
      utf8proc_iterate(s, static_cast<utf8proc_ssize_t>(left < 4 ? left : 4), &value);
  if (n <= 0) return {-1, 1};
  return {value, static_cast<uint32_t>(n)};
}

void append_utf8(int32_t code_point, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t n = utf8proc_encode_char(code_point, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
}

bool is_valid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (text.size() - i >= 8) {  // eight ASCII bytes at once
      uint64_t word;
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    const CodePoint c = decode_utf8(text, i);
    if (c.value < 0) return false;
    i += c.bytes;
  }
  return true;
}

CharClass char_class(int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::letter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return CharClass::mark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::number;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return CharClass::punctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return CharClass::symbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::separator;
    default:
      return CharClass::other;
  }
}

bool is_decimal_digit(int32_t code_point) {
  return utf8proc_category(code_point) == UTF8PROC_CATEGORY_ND;
}

bool is_white_space(int32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0d);
  return c == 0x85 || char_class(c) == CharClass::separator;
}

bool is_control(int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS:
      return true;
    default:
      return false;
  }
}

int32_t base_letter(int32_t code_point) {
  if (code_point < 0x80) return code_point;
  utf8proc_int32_t parts[8];
  int last_class = 0;
  const utf8proc_ssize_t n = utf8proc_decompose_char(
      code_point, parts, 8, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE),
      &last_class);
  return n > 0 ? parts[0] : code_point;
}

int32_t lower_case(int32_t code_point) {
  return utf8proc_tolower(code_point);
}
int32_t upper_case(int32_t code_point) {
  return utf8proc_toupper(code_point);
}

}  // namespace engine
