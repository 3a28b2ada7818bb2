#include "engine/grammar/string_pattern.h"

#include <fmt/format.h>

namespace engine::grammar {
namespace {

constexpr int kMaxDepth = 100;
constexpr int32_t kMaxRepeat = 2000;

using Ranges = std::vector<CodeRange>;
const Ranges kDigit = {{'0', '9'}};
const Ranges kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpace = {{'\t', '\r'}, {' ', ' '}, {0xa0, 0xa0}, {0x2028, 0x2029}, {0xfeff, 0xfeff}};
const Ranges kNewline = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class Parser {
 public:
  Parser(Grammar& g, JsonValues& json, std::string_view pattern)
      : g_(g), json_(json), s_(pattern) {}

  Result<ExprId> run() {
    if (s_.size() > 10'000) return fail("it is too long");
    std::vector<ExprId> parts;
    for (;;) {
      ENGINE_TRY(part, anchored());
      parts.push_back(part);
      if (done()) break;
      if (peek() == ')') return fail("a ')' without its '('");
      ++i_;  // |
    }
    return g_.choice(std::move(parts));
  }

 private:
  bool done() const { return i_ >= s_.size(); }
  char peek(size_t ahead = 0) const { return i_ + ahead < s_.size() ? s_[i_ + ahead] : '\0'; }
  Error fail(const std::string& why) const {
    return {Errc::invalid_argument, fmt::format("Invalid pattern {}: {}", s_, why)};
  }

  // An alternative of the whole pattern: where it has no anchor, any text may stand.
  Result<ExprId> anchored() {
    const ExprId any = g_.repeat(json_.character(), 0, -1);
    const bool begins = peek() == '^';
    if (begins) ++i_;
    ENGINE_TRY(inner, sequence(0));
    const bool ends = peek() == '$';
    if (ends) ++i_;
    if (!done() && peek() != '|' && peek() != ')')
      return fail("anchors are supported at the ends only");
    return g_.sequence({begins ? g_.empty() : any, inner, ends ? g_.empty() : any});
  }

  Result<ExprId> alternatives(int depth) {
    if (depth > kMaxDepth) return fail("groups are nested too deeply");
    std::vector<ExprId> parts;
    for (;;) {
      ENGINE_TRY(part, sequence(depth));
      parts.push_back(part);
      if (peek() != '|' || done()) break;
      ++i_;
    }
    return g_.choice(std::move(parts));
  }

  Result<ExprId> sequence(int depth) {
    std::vector<ExprId> parts;
    while (!done() && peek() != '|' && peek() != ')') {
      if (peek() == '$' && depth == 0) break;
      ENGINE_TRY(one, item(depth));
      ENGINE_TRY(repeated, repetition(one));
      parts.push_back(repeated);
    }
    return g_.sequence(std::move(parts));
  }

  Result<ExprId> item(int depth) {
    const char c = peek();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return char_class();
      case '.':
        return ++i_, json_.character_of(complement(kNewline));
      case '^':
      case '$':
        return fail("anchors are supported at the ends only");
      case '*':
      case '+':
      case '?':
        return fail(fmt::format("nothing to repeat before '{}'", c));
      default:
        break;
    }
    ENGINE_TRY(ranges, character(false));
    return json_.character_of(ranges);
  }

  Result<ExprId> group(int depth) {
    ++i_;
    if (peek() == '?') {
      if (peek(1) == ':') {
        i_ += 2;
      } else if (peek(1) == '<' && peek(2) != '=' && peek(2) != '!') {
        const size_t end = s_.find('>', i_);
        if (end == std::string_view::npos) return fail("a group name without its '>'");
        i_ = end + 1;
      } else {
        return fail("look-around and other special groups are not supported");
      }
    }
    ENGINE_TRY(inner, alternatives(depth + 1));
    if (peek() != ')') return fail("a '(' without its ')'");
    ++i_;
    return inner;
  }

  Result<ExprId> repetition(ExprId part) {
    int32_t min = 1, max = 1;
    const char c = peek();
    if (c == '*') {
      min = 0, max = -1, ++i_;
    } else if (c == '+') {
      max = -1, ++i_;
    } else if (c == '?') {
      min = 0, ++i_;
    } else if (c == '{' && peek(1) >= '0' && peek(1) <= '9') {
      ++i_;
      min = max = number();
      if (peek() == ',') {
        ++i_;
        max = peek() >= '0' && peek() <= '9' ? number() : -1;
      }
      if (peek() != '}') return fail("a '{' without its '}'");
      ++i_;
      if (max >= 0 && max < min) return fail("the maximum of a repetition is below its minimum");
      if (min > kMaxRepeat || max > kMaxRepeat)
        return fail(fmt::format("more than {} repetitions", kMaxRepeat));
    } else {
      return part;
    }
    if (peek() == '?') ++i_;  // lazy: the same language
    if (peek() == '+' || peek() == '*')
      return fail("possessive and double repetitions are not supported");
    return g_.repeat(part, min, max);
  }

  int32_t number() {
    int32_t n = 0;
    for (; peek() >= '0' && peek() <= '9'; ++i_) n = std::min(n * 10 + (peek() - '0'), 1'000'000);
    return n;
  }

  // One character or escaped set.
  Result<Ranges> character(bool in_class) {
    const auto c = static_cast<uint8_t>(peek());
    if (c != '\\') {
      const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
      uint32_t value = n == 1 ? c : c & (0x7fu >> n);
      for (size_t k = 1; k < n; ++k) value = value << 6 | (static_cast<uint8_t>(peek(k)) & 0x3fu);
      i_ += n;
      return Ranges{{value, value}};
    }
    const char e = peek(1);
    i_ += 2;
    switch (e) {
      case 'd':
        return kDigit;
      case 'D':
        return complement(kDigit);
      case 'w':
        return kWord;
      case 'W':
        return complement(kWord);
      case 's':
        return kSpace;
      case 'S':
        return complement(kSpace);
      case 'n':
        return one('\n');
      case 't':
        return one('\t');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'b':
        if (in_class) return one('\b');
        break;
      default:
        break;
    }
    const bool letter = (e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z');
    if (i_ > s_.size()) return fail("a '\\' at the end");
    if (letter || (e >= '0' && e <= '9')) return fail(fmt::format("'\\{}' is not supported", e));
    return one(static_cast<uint8_t>(e));
  }

  static Ranges one(uint32_t c) { return {{c, c}}; }

  Result<Ranges> hex(int digits) {
    uint32_t value = 0;
    for (int k = 0; k < digits; ++k, ++i_) {
      const char d = peek();
      const int v = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
      if (v < 0) return fail(fmt::format("an escape needs {} hexadecimal digits", digits));
      value = value * 16 + static_cast<uint32_t>(v);
    }
    return one(value);
  }

  Result<ExprId> char_class() {
    ++i_;
    const bool negated = peek() == '^';
    if (negated) ++i_;
    Ranges all;
    while (peek() != ']') {
      if (done()) return fail("a '[' without its ']'");
      ENGINE_TRY(some, character(true));
      const bool single = some.size() == 1 && some[0].lo == some[0].hi;
      if (single && peek() == '-' && peek(1) != ']' && peek(1) != '\0') {
        ++i_;
        ENGINE_TRY(last, character(true));
        if (last.size() != 1 || last[0].lo != last[0].hi || last[0].lo < some[0].lo)
          return fail("a range of a class is not in order");
        all.push_back({some[0].lo, last[0].lo});
      } else {
        all.insert(all.end(), some.begin(), some.end());
      }
    }
    ++i_;
    if (negated) all = complement(std::move(all));
    if (all.empty()) return fail("a class without characters");
    return json_.character_of(normalized(std::move(all)));
  }

  Grammar& g_;
  JsonValues& json_;
  const std::string_view s_;
  size_t i_ = 0;
};

}  // namespace

Result<ExprId> string_pattern(Grammar& g, JsonValues& json, std::string_view pattern) {
  return Parser(g, json, pattern).run();
}

std::string_view format_pattern(std::string_view name) {
#define FORMAT(known, pattern) \
  if (name == known) return pattern;
#include "engine/grammar/formats.inc"
  return {};
}

}  // namespace engine::grammar
