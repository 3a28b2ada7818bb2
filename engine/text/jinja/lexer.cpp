// The lexer: text between tags with trim_blocks, lstrip_blocks and the - and + signs applied;
// names, literals, operators.
#include "engine/text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace engine::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c);
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  explicit Lexer(Program& program) : program_(program), s_(program.source) {}

  Result<std::vector<Token>> run() {
    while (error_.empty() && pos_ < s_.size()) lex_text();
    if (!error_.empty())
      return Error{Errc::invalid_argument, fmt::format("template line {}: {}", line_, error_)};
    push(Token::Kind::end, {});
    return std::move(tokens_);
  }

 private:
  void fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
  }
  void push(Token::Kind kind, std::string_view text) { tokens_.push_back({kind, text, line_}); }
  void advance(size_t to) {
    line_ += static_cast<int>(std::count(s_.begin() + pos_, s_.begin() + to, '\n'));
    pos_ = to;
  }
  bool at(std::string_view what) const { return s_.substr(pos_, what.size()) == what; }

  // The sign behind an opening `{%`, `{{` or `{#` at `open`.
  char sign_after(size_t open) const {
    const char c = open + 2 < s_.size() ? s_[open + 2] : 0;
    return c == '-' || c == '+' ? c : 0;
  }

  void push_text(std::string_view text) {
    if (!text.empty()) push(Token::Kind::text, text);
  }

  // Text up to a tag, cut as the sign of the tag and lstrip_blocks ask.
  std::string_view cut_before(std::string_view text, char sign, bool is_output) const {
    if (sign == '-') return strip_right(text);
    if (sign == '+' || is_output) return text;
    const size_t line_start = text.rfind('\n') + 1;  // npos + 1 is 0
    if (line_start == 0 && !line_starting_) return text;
    return text.find_first_not_of(" \t", line_start) == text.npos ? text.substr(0, line_start)
                                                                  : text;
  }

  // Behind a closing tag at pos_ of `length` bytes with `sign` in front.
  void close_tag(char sign, size_t length, bool trims_newline) {
    size_t to = pos_ + length;
    if (sign == '-') {
      to = s_.size() - strip_left(s_.substr(to)).size();
    } else if (sign != '+' && trims_newline && to < s_.size() && s_[to] == '\n') {
      ++to;
    }
    advance(to);
    line_starting_ = s_[pos_ - 1] == '\n';
  }

  void lex_text() {
    size_t open = pos_;
    for (;; ++open) {
      open = s_.find('{', open);
      if (open == s_.npos || open + 1 >= s_.size()) {
        push_text(s_.substr(pos_));
        advance(s_.size());
        return;
      }
      const char c = s_[open + 1];
      if (c == '{' || c == '%' || c == '#') break;
    }
    const char kind = s_[open + 1];
    const char sign = sign_after(open);
    push_text(cut_before(s_.substr(pos_, open - pos_), sign, kind == '{'));
    advance(open + 2 + (sign != 0));
    line_starting_ = false;
    if (kind == '#') return lex_comment();
    if (kind == '%' && lex_raw()) return;
    push(kind == '{' ? Token::Kind::output_begin : Token::Kind::tag_begin, {});
    lex_expression(kind == '{');
  }

  void lex_comment() {
    const size_t end = s_.find("#}", pos_);
    if (end == s_.npos) return fail("comment is never closed");
    const char before = end > pos_ ? s_[end - 1] : 0;
    advance(end);
    close_tag(before == '-' || before == '+' ? before : 0, 2, true);
  }

  // `{% raw %}` .. `{% endraw %}`; false when the tag is another one.
  bool lex_raw() {
    size_t p = skip_space(pos_);
    if (s_.substr(p, 3) != "raw") return false;
    p = skip_space(p + 3);
    const bool trim = s_.substr(p, 3) == "-%}";
    if (!trim && s_.substr(p, 2) != "%}") return false;
    advance(p + (trim ? 1 : 0));
    close_tag(trim ? '-' : 0, 2, false);
    for (size_t open = pos_;; ++open) {
      open = s_.find("{%", open);
      if (open == s_.npos) return fail("raw block is never closed"), true;
      const char sign = sign_after(open);
      size_t q = skip_space(open + 2 + (sign != 0));
      if (s_.substr(q, 6) != "endraw") continue;
      q = skip_space(q + 6);
      const char end_sign = q < s_.size() && (s_[q] == '-' || s_[q] == '+') ? s_[q] : 0;
      if (s_.substr(q + (end_sign != 0), 2) != "%}") continue;
      push_text(cut_before(s_.substr(pos_, open - pos_), sign, false));
      advance(q + (end_sign != 0));
      close_tag(end_sign, 2, true);
      return true;
    }
  }

  size_t skip_space(size_t p) const {
    return s_.size() - strip_left(s_.substr(std::min(p, s_.size()))).size();
  }

  void lex_expression(bool is_output) {
    const std::string_view close = is_output ? "}}" : "%}";
    std::string brackets;
    while (error_.empty()) {
      advance(skip_space(pos_));
      if (pos_ >= s_.size())
        return fail(is_output ? "'{{' is never closed" : "'{%' is never closed");
      if (brackets.empty()) {
        const char sign = s_[pos_] == '-' || (s_[pos_] == '+' && !is_output) ? s_[pos_] : 0;
        if (s_.substr(pos_ + (sign != 0), 2) == close) {
          push(is_output ? Token::Kind::output_end : Token::Kind::tag_end, {});
          advance(pos_ + (sign != 0));
          return close_tag(sign, 2, !is_output);
        }
      }
      const char c = s_[pos_];
      if (c == '\'' || c == '"') {
        lex_string(c);
      } else if (is_digit(c)) {
        lex_number();
      } else if (is_name_start(c)) {
        size_t end = pos_;
        while (end < s_.size() && is_name_char(s_[end])) ++end;
        push(Token::Kind::name, s_.substr(pos_, end - pos_));
        advance(end);
      } else {
        lex_operator(&brackets);
      }
    }
  }

  void lex_operator(std::string* brackets) {
    for (std::string_view op :
         {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
          "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","}) {
      if (!at(op)) continue;
      const char c = op[0];
      if (c == '(' || c == '[' || c == '{') *brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (c == ')' || c == ']' || c == '}') {
        if (brackets->empty() || brackets->back() != c)
          return fail(fmt::format("unexpected '{}'", c));
        brackets->pop_back();
      }
      push(Token::Kind::op, s_.substr(pos_, op.size()));
      return advance(pos_ + op.size());
    }
    fail(fmt::format("unexpected character '{}'", s_.substr(pos_, utf8_size_at(s_, pos_))));
  }

  void lex_number() {
    const bool after_dot =
        !tokens_.empty() && tokens_.back().kind == Token::Kind::op && tokens_.back().text == ".";
    int base = 10;
    size_t p = pos_;
    if (s_[p] == '0' && p + 1 < s_.size()) {
      const char c = s_[p + 1] | 0x20;
      base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
      if (base != 10) p += 2;
    }
    std::string digits;
    const auto take_digits = [&] {
      while (p < s_.size() &&
             ((hex_value(s_[p]) >= 0 && hex_value(s_[p]) < base) || s_[p] == '_')) {
        if (s_[p] != '_') digits += s_[p];
        ++p;
      }
    };
    take_digits();
    bool real = false;
    if (base == 10 && !after_dot) {
      if (p + 1 < s_.size() && s_[p] == '.' && is_digit(s_[p + 1])) {
        real = true;
        digits += s_[p++];
        take_digits();
      }
      size_t e = p;
      if (e < s_.size() && (s_[e] | 0x20) == 'e') {
        ++e;
        if (e < s_.size() && (s_[e] == '+' || s_[e] == '-')) ++e;
        if (e < s_.size() && is_digit(s_[e])) {
          real = true;
          digits += s_.substr(p, e - p);
          p = e;
          take_digits();
        }
      }
    }
    Token token{real ? Token::Kind::real : Token::Kind::integer, s_.substr(pos_, p - pos_), line_};
    if (!real) {
      const auto [end, ec] =
          std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
      if (digits.empty()) return fail("malformed number");
      if (ec != std::errc{}) token.kind = Token::Kind::real;  // beyond 64 bits
    }
    if (token.kind == Token::Kind::real) token.real = std::strtod(digits.c_str(), nullptr);
    tokens_.push_back(token);
    advance(p);
  }

  void lex_string(char quote) {
    std::string& out = program_.literals.emplace_back();
    const int line = line_;
    size_t p = pos_ + 1;
    for (; p < s_.size() && s_[p] != quote; ++p) {
      if (s_[p] != '\\' || p + 1 >= s_.size()) {
        out += s_[p];
        continue;
      }
      const char c = s_[++p];
      switch (c) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case '\\':
        case '\'':
        case '"':
          out += c;
          break;
        case '\n':
          break;
        case 'x':
        case 'u':
          p += lex_hex_escape(p, c == 'x' ? 2 : 4, &out);
          break;
        default:
          out += '\\', out += c;
      }
    }
    if (p >= s_.size()) return fail("string is never closed");
    tokens_.push_back({Token::Kind::string, out, line});
    advance(p + 1);
  }

  // The escape whose letter is at p; how many digits it took, 0 when they are not all there.
  size_t lex_hex_escape(size_t p, size_t n, std::string* out) {
    const auto code = [&](size_t from) -> int64_t {
      int64_t v = 0;
      for (size_t k = from; k < from + n; ++k) {
        const int h = k < s_.size() ? hex_value(s_[k]) : -1;
        if (h < 0) return -1;
        v = v * 16 + h;
      }
      return v;
    };
    int64_t v = code(p + 1);
    if (v < 0) {
      *out += '\\', *out += s_[p];
      return 0;
    }
    size_t used = n;
    if (v >= 0xd800 && v < 0xdc00 && s_.substr(p + 1 + n, 2) == "\\u") {
      const int64_t low = code(p + 3 + n);
      if (low >= 0xdc00 && low < 0xe000) {
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        used += 2 + n;
      }
    }
    append_utf8(*out, static_cast<uint32_t>(v));
    return used;
  }

  Program& program_;
  std::string_view s_;
  size_t pos_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // the text at pos_ begins a line
  std::string error_;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(Program& program) {
  return Lexer(program).run();
}

}  // namespace engine::jinja
