// One pass over the source: text up to the next action, then the tokens of the action.
#include "engine/text/gotemplate/lexer.h"

#include <fmt/format.h>

#include <algorithm>

namespace engine::gotemplate {
namespace {

using TK = Token::Kind;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Bytes of letters beyond ASCII count as letters.
bool is_letter(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_alnum(char c) {
  return is_letter(c) || is_digit(c);
}

std::string shown(std::string_view s) {
  constexpr size_t kMost = 20;
  return quote(s.substr(0, kMost));
}

class Lexer {
 public:
  explicit Lexer(const Program& program) : program_(program), s_(program.source) {}

  Result<std::vector<Token>> run() {
    while (error_.empty()) {
      const size_t open = s_.find("{{", pos_);
      const size_t end = std::min(open, s_.size());
      const bool trims = open != s_.npos && trims_left(open);
      push_text(end, trims);
      if (open == s_.npos) break;
      lex_action(open, trims);
    }
    if (!error_.empty()) return syntax_error(program_, s_.data() + error_at_, error_);
    push(TK::end, s_.size(), s_.size());
    return std::move(tokens_);
  }

 private:
  void fail(size_t at, std::string message) {
    if (!error_.empty()) return;
    error_ = std::move(message);
    error_at_ = std::min(at, s_.size());
  }
  char at(size_t p) const { return p < s_.size() ? s_[p] : '\0'; }
  void push(TK kind, size_t begin, size_t end) {
    Token& t = tokens_.emplace_back();
    t.kind = kind;
    t.text = s_.substr(begin, end - begin);
    t.spaced = spaced_;
    spaced_ = false;
  }

  bool trims_left(size_t open) const { return at(open + 2) == '-' && is_space(at(open + 3)); }
  bool trims_right(size_t p) const {
    return is_space(at(p)) && at(p + 1) == '-' && s_.substr(p + 2, 2) == "}}";
  }

  void push_text(size_t end, bool trim_end) {
    size_t begin = pos_;
    if (trim_next_)
      while (begin < end && is_space(s_[begin])) ++begin;
    if (trim_end)
      while (end > begin && is_space(s_[end - 1])) --end;
    trim_next_ = false;
    if (begin < end) push(TK::text, begin, end);
  }

  void lex_action(size_t open, bool trims) {
    pos_ = open + (trims ? 4 : 2);
    if (s_.substr(pos_, 2) == "/*") return lex_comment(open);
    push(TK::open, open, open + 2);
    int parens = 0;
    spaced_ = trims;
    while (error_.empty()) {
      if (trims_right(pos_)) ++pos_, trim_next_ = true;
      if (pos_ >= s_.size()) return fail(open, "unclosed action");
      if (s_.substr(pos_, trim_next_ ? 3 : 2) == (trim_next_ ? "-}}" : "}}")) {
        if (parens != 0) return fail(pos_, "unclosed left paren");
        push(TK::close, pos_, pos_ + (trim_next_ ? 3 : 2));
        pos_ += trim_next_ ? 3 : 2;
        return;
      }
      const char c = s_[pos_];
      if (is_space(c)) {
        ++pos_;
        spaced_ = true;
      } else if (c == '(') {
        ++parens;
        push(TK::left_paren, pos_, pos_ + 1), ++pos_;
      } else if (c == ')') {
        if (--parens < 0) return fail(pos_, "unexpected right paren");
        push(TK::right_paren, pos_, pos_ + 1), ++pos_;
      } else if (c == '|' || c == ',' || c == '=') {
        push(c == '|' ? TK::pipe : c == ',' ? TK::comma : TK::assign, pos_, pos_ + 1), ++pos_;
      } else if (c == ':') {
        if (at(pos_ + 1) != '=') return fail(pos_, "expected :=");
        push(TK::declare, pos_, pos_ + 2), pos_ += 2;
      } else if (c == '"' || c == '\'') {
        lex_quoted(c);
      } else if (c == '`') {
        lex_raw();
      } else if (is_digit(c) || c == '+' || c == '-' || (c == '.' && is_digit(at(pos_ + 1)))) {
        lex_number();
      } else if (c == '.' || c == '$' || is_letter(c)) {
        lex_name(c);
      } else {
        return fail(pos_, fmt::format("unrecognized character in action: {}", shown({&c, 1})));
      }
    }
  }

  void lex_comment(size_t open) {
    const size_t close = s_.find("*/", pos_ + 2);
    if (close == s_.npos) return fail(open, "unclosed comment");
    pos_ = close + 2;
    trim_next_ = trims_right(pos_);
    if (trim_next_) {
      pos_ += 4;
    } else if (s_.substr(pos_, 2) == "}}") {
      pos_ += 2;
    } else {
      fail(pos_, "comment ends before closing delimiter");
    }
  }

  void lex_quoted(char mark) {
    size_t end = pos_ + 1;
    for (;; ++end) {
      if (end >= s_.size() || s_[end] == '\n')
        return fail(pos_,
                    mark == '"' ? "unterminated quoted string" : "unterminated character constant");
      if (s_[end] == mark) break;
      if (s_[end] == '\\') ++end;
    }
    const std::string_view inner = s_.substr(pos_ + 1, end - pos_ - 1);
    push(mark == '"' ? TK::string : TK::number, pos_, end + 1);
    std::string text;
    int64_t code_point = 0;
    if (mark == '"') {
      if (!unquote(inner, &text)) return fail(pos_, "invalid escape in " + shown(inner));
      tokens_.back().value = Value::text(std::move(text));
    } else {
      if (!unquote_char(inner, &code_point))
        return fail(pos_, "malformed character constant: " + shown(inner));
      tokens_.back().value = Value(code_point);
    }
    pos_ = end + 1;
  }

  void lex_raw() {
    const size_t end = s_.find('`', pos_ + 1);
    if (end == s_.npos) return fail(pos_, "unterminated raw quoted string");
    push(TK::string, pos_, end + 1);
    tokens_.back().value = Value::text(std::string(s_.substr(pos_ + 1, end - pos_ - 1)));
    pos_ = end + 1;
  }

  void lex_number() {
    size_t end = pos_ + 1;
    while (is_alnum(at(end)) || at(end) == '.' ||
           ((at(end) == '+' || at(end) == '-') && is_exponent(end)))
      ++end;
    push(TK::number, pos_, end);
    if (!parse_number(tokens_.back().text, &tokens_.back().value))
      return fail(pos_, "bad number syntax: " + shown(tokens_.back().text));
    pos_ = end;
  }
  // A sign goes on with a number only behind its e or p.
  bool is_exponent(size_t sign) const {
    const char mark = static_cast<char>(s_[sign - 1] | 0x20);
    const bool hex = s_.substr(pos_, sign - pos_).find_first_of("xX") != s_.npos;
    return hex ? mark == 'p' : mark == 'e';
  }

  void lex_name(char first) {
    size_t end = pos_ + (first == '.' || first == '$' ? 1 : 0);
    const size_t letters = end;
    while (is_alnum(at(end))) ++end;
    constexpr std::string_view kTerminators = ".,|:()=";
    const char next = at(end);
    if (end < s_.size() && !is_space(next) && kTerminators.find(next) == kTerminators.npos &&
        s_.substr(end, 2) != "}}")
      return fail(end, "bad character " + shown({&s_[end], 1}));
    TK kind = TK::name;
    if (first == '.') kind = end == letters ? TK::dot : TK::field;
    if (first == '$') kind = TK::variable;
    push(kind, pos_, end);
    pos_ = end;
  }

  const Program& program_;
  std::string_view s_;
  size_t pos_ = 0;
  bool trim_next_ = false;  // the text that comes loses its blanks in front
  bool spaced_ = false;
  std::vector<Token> tokens_;
  std::string error_;
  size_t error_at_ = 0;
};

}  // namespace

Error syntax_error(const Program& program, const char* at, const std::string& message) {
  const std::string& s = program.source;
  const auto offset = static_cast<ptrdiff_t>(at - s.data());
  const auto line = 1 + std::count(s.begin(), s.begin() + offset, '\n');
  return {Errc::invalid_argument, fmt::format("template: :{}: {}", line, message)};
}

Result<std::vector<Token>> tokenize(const Program& program) {
  return Lexer(program).run();
}

}  // namespace engine::gotemplate
