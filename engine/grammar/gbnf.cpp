#include "engine/grammar/gbnf.h"

#include <fmt/format.h>

#include <unordered_map>

namespace engine::grammar {
namespace {

constexpr int32_t kMaxRepeat = 2000;  // more is an error as a minimum, no limit as a maximum

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

class Parser {
 public:
  Parser(std::string_view text, const TokenOf& token_of, Token n_vocab)
      : s_(text), token_of_(token_of), n_vocab_(n_vocab) {}

  Result<Grammar> run() {
    if (s_.size() > kMaxGrammarBytes)
      return Error{
          Errc::invalid_argument,
          fmt::format("grammar: {} bytes are too long (at most {})", s_.size(), kMaxGrammarBytes)};
    for (skip(true); !done(); skip(true)) ENGINE_TRY_STATUS(rule());
    for (const auto& [name, known] : names_)
      if (g_.rules()[static_cast<size_t>(known.id)].body < 0)
        return at(known.used_at, fmt::format("rule '{}' is used but not defined", name));
    const auto root = names_.find("root");
    if (root == names_.end())
      return Error{Errc::invalid_argument,
                   "grammar: there is no rule 'root', with which the text begins"};
    g_.root = root->second.id;
    return std::move(g_);
  }

 private:
  struct Name {
    RuleId id;
    size_t used_at;
  };

  bool done() const { return i_ >= s_.size(); }
  char peek(size_t ahead = 0) const { return i_ + ahead < s_.size() ? s_[i_ + ahead] : '\0'; }
  bool starts(std::string_view text) const { return s_.substr(i_).starts_with(text); }

  Error at(size_t where, const std::string& what) const {
    size_t line = 1, column = 1;
    for (size_t k = 0; k < where && k < s_.size(); ++k) {
      ++column;
      if (s_[k] == '\n') ++line, column = 1;
    }
    return {Errc::invalid_argument,
            fmt::format("grammar: line {}, column {}: {}", line, column, what)};
  }
  Error here(const std::string& what) const { return at(i_, what); }

  void skip(bool newlines) {
    for (; !done(); ++i_) {
      if (peek() == '#') {
        while (!done() && peek() != '\n') ++i_;
        if (done()) return;
      }
      const char c = peek();
      if (c != ' ' && c != '\t' && !(newlines && (c == '\n' || c == '\r'))) return;
    }
  }

  Result<std::string> name() {
    const size_t begin = i_;
    while (is_name_char(peek())) ++i_;
    if (i_ == begin) return here("a rule name was expected (letters, digits, '-')");
    return std::string(s_.substr(begin, i_ - begin));
  }

  RuleId rule_id(const std::string& name, size_t where) {
    const auto [it, fresh] = names_.try_emplace(name, Name{0, where});
    if (fresh) it->second.id = g_.declare(name);
    return it->second.id;
  }

  Status rule() {
    const size_t begin = i_;
    ENGINE_TRY(left, name());
    skip(false);
    if (!starts("::=")) return here("'::=' was expected behind the name of a rule");
    i_ += 3;
    const RuleId id = rule_id(left, begin);
    if (g_.rules()[static_cast<size_t>(id)].body >= 0)
      return at(begin, fmt::format("rule '{}' is defined twice", left));
    skip(true);
    ENGINE_TRY(body, alternatives(0));
    g_.define(id, body);
    if (!done() && peek() != '\n' && peek() != '\r')
      return here(peek() == ')' ? "a ')' without its '('" : "unexpected character");
    return ok;
  }

  Result<ExprId> alternatives(int depth) {
    if (depth > kMaxGroupDepth) return here("groups are nested too deeply");
    std::vector<ExprId> parts;
    for (;;) {
      ENGINE_TRY(part, sequence(depth));
      parts.push_back(part);
      if (peek() != '|') break;
      ++i_;
      skip(true);
    }
    return g_.choice(std::move(parts));
  }

  Result<ExprId> sequence(int depth) {
    std::vector<ExprId> parts;
    for (skip(depth > 0); !done(); skip(depth > 0)) {
      const char c = peek();
      if (c == '|' || c == ')' || c == '\n' || c == '\r') break;
      ENGINE_TRY(one, item(depth));
      ENGINE_TRY(repeated, repetition(one));
      parts.push_back(repeated);
    }
    return g_.sequence(std::move(parts));
  }

  Result<ExprId> item(int depth) {
    const char c = peek();
    const size_t begin = i_;
    if (c == '"') return literal();
    if (c == '[') return char_class();
    if (c == '.') return ++i_, g_.chars({{0, kLastCodePoint}});
    if (c == '<' || (c == '!' && peek(1) == '<')) return token();
    if (c == '(') {
      ++i_;
      skip(true);
      ENGINE_TRY(inner, alternatives(depth + 1));
      if (peek() != ')') return at(begin, "a '(' without its ')'");
      ++i_;
      return inner;
    }
    if (is_name_char(c)) {
      ENGINE_TRY(used, name());
      return g_.ref(rule_id(used, begin));
    }
    if (c == '*' || c == '+' || c == '?' || c == '{')
      return here("a repetition stands behind an item");
    return here("unexpected character");
  }

  Result<ExprId> repetition(ExprId part) {
    for (;;) {
      skip(false);
      const char c = peek();
      if (c == '*') {
        ++i_, part = g_.repeat(part, 0, -1);
      } else if (c == '+') {
        ++i_, part = g_.repeat(part, 1, -1);
      } else if (c == '?') {
        ++i_, part = g_.repeat(part, 0, 1);
      } else if (c == '{') {
        ++i_;
        ENGINE_TRY(min, number());
        int64_t max = min;
        if (peek() == ',') {
          ++i_;
          skip(false);
          max = -1;
          if (peek() != '}') {
            ENGINE_TRY(most, number());
            max = most;
          }
        }
        if (peek() != '}') return here("'}' was expected");
        if (max >= 0 && max < min) return here("the maximum is below the minimum");
        if (min > kMaxRepeat)
          return here(fmt::format("{} repetitions are too many (at most {})", min, kMaxRepeat));
        ++i_;
        part = g_.repeat(part, static_cast<int32_t>(min),
                         max > kMaxRepeat ? -1 : static_cast<int32_t>(max));
      } else {
        return part;
      }
    }
  }

  Result<int64_t> number() {
    skip(false);
    const size_t begin = i_;
    int64_t n = 0;
    for (; peek() >= '0' && peek() <= '9'; ++i_)
      if (n < INT32_MAX) n = n * 10 + (peek() - '0');
    if (i_ == begin) return here("a number was expected");
    skip(false);
    return n;
  }

  // One character of a literal or a class, escapes resolved.
  Result<uint32_t> character() {
    const auto c = static_cast<uint8_t>(peek());
    if (c == '\\') {
      const char e = peek(1);
      const int digits = e == 'x' ? 2 : e == 'u' ? 4 : e == 'U' ? 8 : 0;
      if (digits > 0) {
        uint32_t value = 0;
        for (int k = 0; k < digits; ++k) {
          const char d = peek(static_cast<size_t>(2 + k));
          const int v = d >= '0' && d <= '9'   ? d - '0'
                        : d >= 'a' && d <= 'f' ? d - 'a' + 10
                        : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                               : -1;
          if (v < 0) return here(fmt::format("'\\{}' needs {} hexadecimal digits", e, digits));
          value = value * 16 + static_cast<uint32_t>(v);
        }
        if (value > kLastCodePoint || (value >= 0xd800 && value <= 0xdfff))
          return here("this is no Unicode character");
        i_ += static_cast<size_t>(2 + digits);
        return value;
      }
      uint32_t value = 0;
      switch (e) {
        case 't':
          value = '\t';
          break;
        case 'r':
          value = '\r';
          break;
        case 'n':
          value = '\n';
          break;
        case '\\':
        case '"':
        case '[':
        case ']':
        case '-':
          value = static_cast<uint8_t>(e);
          break;
        default:
          return here("unknown escape: \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\- are known");
      }
      i_ += 2;
      return value;
    }
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    if (n == 0 || i_ + n > s_.size()) return here("invalid UTF-8");
    uint32_t value = n == 1 ? c : c & (0x7fu >> n);
    for (size_t k = 1; k < n; ++k) {
      if ((peek(k) & 0xc0) != 0x80) return here("invalid UTF-8");
      value = value << 6 | (static_cast<uint8_t>(peek(k)) & 0x3fu);
    }
    if (value > kLastCodePoint || (value >= 0xd800 && value <= 0xdfff))
      return here("invalid UTF-8");
    i_ += n;
    return value;
  }

  Result<ExprId> literal() {
    const size_t begin = i_++;
    std::string text;
    while (peek() != '"') {
      if (done() || peek() == '\n') return at(begin, "a literal without its closing '\"'");
      ENGINE_TRY(c, character());
      append_utf8(c, text);
    }
    ++i_;
    return g_.literal(std::move(text));
  }

  Result<ExprId> char_class() {
    const size_t begin = i_++;
    const bool negated = peek() == '^';
    if (negated) ++i_;
    std::vector<CodeRange> ranges;
    while (peek() != ']') {
      if (done() || peek() == '\n') return at(begin, "a class without its closing ']'");
      ENGINE_TRY(lo, character());
      uint32_t hi = lo;
      if (peek() == '-' && peek(1) != ']') {
        ++i_;
        if (done() || peek() == '\n') return at(begin, "a class without its closing ']'");
        ENGINE_TRY(last, character());
        hi = last;
        if (hi < lo) return here("a range of a class ends before it begins");
      }
      ranges.push_back({lo, hi});
    }
    ++i_;
    if (negated) ranges = complement(std::move(ranges));
    if (ranges.empty()) return at(begin, "a class without characters");
    return g_.chars(std::move(ranges));
  }

  Result<ExprId> token() {
    const size_t begin = i_;
    Expr e;
    e.kind = Expr::token;
    e.negated = peek() == '!';
    if (e.negated) ++i_;
    const size_t end = s_.find('>', i_);
    if (end == std::string_view::npos ||
        s_.substr(i_, end - i_).find('\n') != std::string_view::npos)
      return at(begin, "a token without its closing '>'");
    const std::string_view whole = s_.substr(i_, end + 1 - i_);  // "<text>"
    i_ = end + 1;
    if (whole.starts_with("<[") && whole.ends_with("]>")) {
      int64_t id = 0;
      const std::string_view digits = whole.substr(2, whole.size() - 4);
      for (const char d : digits) {
        if (d < '0' || d > '9') return at(begin, "the id of a token is a number: <[123]>");
        id = std::min<int64_t>(id * 10 + (d - '0'), INT32_MAX);
      }
      if (digits.empty() || id >= n_vocab_)
        return at(begin, fmt::format("the vocabulary has no token {}", digits));
      e.id = static_cast<int32_t>(id);
    } else {
      e.id = token_of_ ? token_of_(whole) : -1;
      if (e.id < 0) return at(begin, fmt::format("{} is no single token of this model", whole));
    }
    return g_.add(std::move(e));
  }

  const std::string_view s_;
  const TokenOf& token_of_;
  const Token n_vocab_;
  size_t i_ = 0;
  Grammar g_;
  std::unordered_map<std::string, Name> names_;
};

}  // namespace

Result<Grammar> parse_gbnf(std::string_view text, const TokenOf& token_of, Token n_vocab) {
  return Parser(text, token_of, n_vocab).run();
}

}  // namespace engine::grammar
