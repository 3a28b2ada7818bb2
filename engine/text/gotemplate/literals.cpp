// Go's constants: numbers with bases, underscores and exponents; quoted strings with escapes.
#include <cerrno>
#include <cstdlib>

#include "engine/text/gotemplate/lexer.h"

namespace engine::gotemplate {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// Digits of a base with underscores between them; false: not that, or too large.
bool parse_digits(std::string_view s, int base, uint64_t* out) {
  bool any = false, underscore = false;
  *out = 0;
  for (const char c : s) {
    if (c == '_') {
      if (underscore) return false;
      underscore = true;
      continue;
    }
    const int digit = digit_of(c);
    if (digit >= base) return false;
    const auto b = static_cast<uint64_t>(base);
    if (*out > (UINT64_MAX - static_cast<uint64_t>(digit)) / b) return false;
    *out = *out * b + static_cast<uint64_t>(digit);
    any = true;
    underscore = false;
  }
  return any && !underscore;
}

// One escape behind the backslash at *i, which moves behind it. A byte for \x and octal ones.
bool parse_escape(std::string_view s, size_t* i, uint32_t* value, bool* is_byte) {
  constexpr std::string_view kNames = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  if (*i >= s.size()) return false;
  const char c = s[(*i)++];
  *is_byte = false;
  if (const size_t at = kNames.find(c); at != kNames.npos) {
    *value = static_cast<unsigned char>(kValues[at]);
    return true;
  }
  size_t digits = 0;
  int base = 16;
  if (c == 'x') digits = 2;
  if (c == 'u') digits = 4;
  if (c == 'U') digits = 8;
  if (c >= '0' && c <= '7') digits = 3, base = 8, --*i;
  if (digits == 0 || s.size() - *i < digits) return false;
  uint64_t number = 0;
  const std::string_view text = s.substr(*i, digits);
  if (text.find('_') != text.npos || !parse_digits(text, base, &number)) return false;
  *i += digits;
  *is_byte = base == 8 || digits == 2;
  *value = static_cast<uint32_t>(number);
  if (*is_byte) return number <= 255;
  return number < 0x110000 && (number < 0xd800 || number >= 0xe000);
}

}  // namespace

bool unquote(std::string_view s, std::string* out) {
  for (size_t i = 0; i < s.size();) {
    if (s[i] != '\\') {
      *out += s[i++];
      continue;
    }
    uint32_t value = 0;
    bool is_byte = false;
    if (!parse_escape(s, &++i, &value, &is_byte)) return false;
    if (is_byte)
      *out += static_cast<char>(value);
    else
      jinja::append_utf8(*out, value);
  }
  return true;
}

bool unquote_char(std::string_view s, int64_t* code_point) {
  if (s.empty()) return false;
  size_t i = 1;
  uint32_t value = 0;
  bool is_byte = false;
  if (s[0] == '\\') {
    if (!parse_escape(s, &i, &value, &is_byte)) return false;
  } else {
    value = jinja::utf8_at(s, 0);
    i = jinja::utf8_size_at(s, 0);
  }
  *code_point = value;
  return i == s.size();
}

bool parse_number(std::string_view text, Value* out) {
  const bool negative = text.starts_with('-');
  std::string_view s = text;
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s.empty()) return false;
  int base = 10;
  std::string_view digits = s;
  if (s.size() > 1 && s[0] == '0') {
    const char mark = static_cast<char>(s[1] | 0x20);
    if (mark == 'x') base = 16;
    if (mark == 'b') base = 2;
    if (mark == 'o') base = 8;
    if (base != 10) {
      digits = s.substr(2);
      if (digits.starts_with('_')) digits.remove_prefix(1);
    } else if (digit_of(s[1]) < 10 || s[1] == '_') {
      // 017 is octal; 0.5 and 0e1 come below
      if (s.find_first_of(".eE") == s.npos) base = 8, digits = s.substr(1);
    }
  }
  uint64_t number = 0;
  if (parse_digits(digits, base, &number)) {
    if (number > uint64_t{INT64_MAX} + (negative ? 1 : 0)) return false;
    *out = Value(static_cast<int64_t>(negative ? 0 - number : number));
    return true;
  }
  // A float: what strtod reads, but no names and no underscores beside anything but digits.
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
      continue;
    }
    const bool between =
        i > 0 && i + 1 < text.size() && digit_of(text[i - 1]) < 16 && digit_of(text[i + 1]) < 16;
    if (!between) return false;
  }
  if (base == 2 || base == 8 || (base == 16 && plain.find_first_of("pP") == plain.npos))
    return false;
  if (base == 10 && plain.find_first_not_of("+-0123456789.eE") != plain.npos) return false;
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  if (end != plain.c_str() + plain.size() || value - value != 0) return false;
  *out = Value(value);
  return true;
}

}  // namespace engine::gotemplate
