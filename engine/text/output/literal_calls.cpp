// Calls written like code: f(a='x', b=[1, None]), and call:f{k:<mark>x<mark>,n:1}.
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/text/output/blanks.h"
#include "engine/text/output/call_reader.h"

namespace engine {
namespace {

constexpr int kMaxDepth = 64;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

// Values of both notations; they differ in strings and keys.
class Literals {
 public:
  Literals(std::string_view text, std::string_view mark) : rest_(text), mark_(mark) {}

  void skip() { rest_.remove_prefix(leading_blanks(rest_)); }
  bool done() { return skip(), rest_.empty(); }
  bool eat(std::string_view s) {
    skip();
    if (!rest_.starts_with(s)) return false;
    rest_.remove_prefix(s.size());
    return true;
  }
  std::string_view word() {
    skip();
    size_t n = 0;
    while (n < rest_.size() && is_word(rest_[n])) ++n;
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }

  bool value(Json& out, int depth = 0) {
    if (depth > kMaxDepth) return false;
    skip();
    if (rest_.empty()) return false;
    if (string(out)) return true;
    if (eat("{")) return object(out, depth);
    for (const auto& [open, close] : {std::pair{"[", "]"}, std::pair{"(", ")"}})
      if (eat(open)) return list(out, close, depth);
    return scalar(out);
  }

  // Behind the opening bracket.
  bool object(Json& out, int depth) {
    out = Json::object();
    while (!eat("}")) {
      if (!out.empty() && !eat(",")) return false;
      if (eat("}")) return true;  // a comma behind the last pair
      Json key;
      if (!string(key)) {
        skip();
        const size_t colon = rest_.find_first_of(":,{}[]");
        if (colon == rest_.npos || rest_[colon] != ':' || colon == 0) return false;
        key = repair_utf8(trimmed(rest_.substr(0, colon)));
        rest_.remove_prefix(colon);
      }
      Json inner;
      if (!eat(":") || !value(inner, depth + 1)) return false;
      out[key.get<std::string>()] = std::move(inner);
    }
    return true;
  }

 private:
  bool list(Json& out, const char* close, int depth) {
    out = Json::array();
    while (!eat(close)) {
      if (!out.empty() && !eat(",")) return false;
      if (eat(close)) return true;
      Json inner;
      if (!value(inner, depth + 1)) return false;
      out.push_back(std::move(inner));
    }
    return true;
  }

  bool string(Json& out) {
    skip();
    if (!mark_.empty() && rest_.starts_with(mark_)) {
      const size_t end = rest_.find(mark_, mark_.size());
      if (end == rest_.npos) return false;
      out = repair_utf8(rest_.substr(mark_.size(), end - mark_.size()));
      rest_.remove_prefix(end + mark_.size());
      return true;
    }
    if (rest_.empty() || (rest_[0] != '"' && rest_[0] != '\'')) return false;
    const char quote = rest_[0];
    std::string text;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        out = repair_utf8(text);
        rest_.remove_prefix(i + 1);
        return true;
      }
      if (rest_[i] != '\\' || i + 1 == rest_.size()) {
        text += rest_[i];
      } else {
        i = escape(i + 1, text);
      }
    }
    return false;
  }

  // At the character behind a backslash; the position of the last one read.
  size_t escape(size_t i, std::string& text) const {
    constexpr std::string_view kNames = "ntrbf0", kBytes("\n\t\r\b\f\0", 6);
    const char c = rest_[i];
    if (const size_t at = kNames.find(c); at != kNames.npos) return text += kBytes[at], i;
    if (c == '\\' || c == '\'' || c == '"' || c == '/') return text += c, i;
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    unsigned code = 0;
    const std::string_view hex = rest_.substr(i + 1, digits);
    if (digits == 0 || hex.size() < digits ||
        std::from_chars(hex.data(), hex.data() + digits, code, 16).ptr != hex.data() + digits)
      return (text += '\\') += c, i;
    const Result<Json> one =
        parse_json("\"\\u" + std::string(4 - digits, '0') + std::string(hex) + "\"");
    text += one ? one->get<std::string>() : "";
    return i + digits;
  }

  bool scalar(Json& out) {
    // With marks a word ends only where the notation does.
    const std::string_view text =
        mark_.empty() ? number_or_word() : trimmed(rest_.substr(0, rest_.find_first_of(",}]")));
    if (!mark_.empty()) rest_.remove_prefix(std::min(rest_.find_first_of(",}]"), rest_.size()));
    if (text.empty()) return false;
    if (text == "True" || text == "true" || text == "False" || text == "false")
      return out = (text[0] == 'T' || text[0] == 't'), true;
    if (text == "None" || text == "null") return out = nullptr, true;
    const std::string_view digits = text[0] == '+' ? text.substr(1) : text;
    int64_t whole = 0;
    double number = 0;
    const char* const end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, whole).ptr == end && whole_fits(digits))
      return out = whole, true;
    const auto read = std::from_chars(digits.data(), end, number);
    if (read.ptr == end && read.ec == std::errc() && number - number == 0)
      return out = number, true;
    if (mark_.empty()) return false;
    return out = repair_utf8(text), true;
  }
  static bool whole_fits(std::string_view digits) {
    int64_t whole = 0;
    return std::from_chars(digits.data(), digits.data() + digits.size(), whole).ec == std::errc();
  }
  std::string_view number_or_word() {
    size_t n = !rest_.empty() && (rest_[0] == '+' || rest_[0] == '-') ? 1 : 0;
    while (n < rest_.size() &&
           (is_word(rest_[n]) || (rest_[n] == '+' && (rest_[n - 1] | 0x20) == 'e')))
      ++n;
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }

  std::string_view rest_, mark_;
};

bool read_arguments(Literals& in, Json& arguments) {
  while (!in.eat(")")) {
    if (!arguments.empty() && !in.eat(",")) return false;
    if (in.eat(")")) return true;
    const std::string key = repair_utf8(in.word());
    if (key.empty() || !in.eat("=") || !in.value(arguments[key])) return false;
  }
  return true;
}

}  // namespace

bool read_python_calls(std::string_view body, ToolCalls& out) {
  Literals in(body, "");
  const bool list = in.eat("[");
  bool any = false;
  for (;;) {
    if (list ? in.eat("]") : in.done()) return any && in.done();
    if (any) in.eat(",");  // or the end of a line
    std::string_view name = in.word();
    if (name.empty() || !in.eat("(")) return false;
    if (name.ends_with(".call")) name.remove_suffix(5);  // the built-in tools of Llama
    Json arguments = Json::object();
    if (!read_arguments(in, arguments) || !add_call(name, arguments, out)) return false;
    any = true;
  }
}

bool read_bare_calls(const AnswerFormat& format, std::string_view body, ToolCalls& out) {
  Literals in(body, format.mark);
  bool any = false;
  while (!in.done()) {
    if (!in.eat("call:")) return false;
    const std::string_view name = in.word();
    Json arguments;
    if (!in.eat("{") || !in.object(arguments, 0) || !add_call(name, arguments, out)) return false;
    any = true;
  }
  return any;
}

}  // namespace engine
