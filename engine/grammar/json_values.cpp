#include "engine/grammar/json_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace engine::grammar {
namespace {

constexpr int kMaxDigits = 15;  // behind the first
constexpr int kMaxFraction = 16;
constexpr size_t kMaxKeyDepth = 256;  // characters of declared keys that are told from others

// What a JSON string does not hold as it is.
const std::vector<CodeRange> kEscaped = {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}, {0x7f, 0x7f}};

std::vector<CodeRange> without(const std::vector<CodeRange>& ranges,
                               const std::vector<CodeRange>& gone) {
  std::vector<CodeRange> rest = complement(ranges);
  rest.insert(rest.end(), gone.begin(), gone.end());
  return complement(std::move(rest));
}

std::u32string code_points(std::string_view s) {
  std::u32string out;
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    char32_t value = n == 1 ? c : c & (0x7fu >> n);
    for (size_t k = 1; k < n && i + k < s.size(); ++k)
      value = value << 6 | (static_cast<uint8_t>(s[i + k]) & 0x3fu);
    out += value;
    i += n;
  }
  return out;
}

}  // namespace

ExprId JsonValues::once(ExprId& known, const char* name, ExprId body) {
  known = g_.ref(g_.define(name, body));
  return known;
}

ExprId JsonValues::gap() {
  if (gap_ >= 0) return gap_;
  if (free_gaps_) return once(gap_, "gap", g_.repeat(g_.chars(" \t\n"), 0, kJsonGap));
  return once(gap_, "gap",
              g_.optional(g_.choice(
                  {g_.literal(" "), g_.sequence({g_.repeat(g_.chars("\n"), 1, 2),
                                                 g_.repeat(g_.chars(" \t"), 0, kJsonGap)})})));
}

ExprId JsonValues::separator() {
  if (separator_ >= 0) return separator_;
  return once(separator_, "separator", g_.sequence({g_.literal(","), gap()}));
}

ExprId JsonValues::value() {
  if (value_ >= 0) return value_;
  const RuleId rule = g_.declare("value");
  value_ = g_.ref(rule);
  const ExprId object = this->object(), array = this->array();
  g_.define(rule, g_.choice({object, array, string(), number(), boolean(), null()}));
  return value_;
}

ExprId JsonValues::list(ExprId item, int32_t min, int32_t max) {
  if (max == 0) return g_.empty();
  const ExprId more = g_.sequence({separator(), item});
  const ExprId some =
      g_.sequence({item, g_.repeat(more, std::max(0, min - 1), max < 0 ? -1 : max - 1)});
  return min > 0 ? some : g_.optional(some);
}

ExprId JsonValues::object() {
  if (object_ >= 0) return object_;
  const RuleId rule = g_.declare("object");
  object_ = g_.ref(rule);
  const ExprId member = g_.sequence({string(), gap(), g_.literal(":"), gap(), value(), gap()});
  g_.define(rule, g_.sequence({g_.literal("{"), gap(), list(member, 0, -1), g_.literal("}")}));
  return object_;
}

ExprId JsonValues::array() {
  if (array_ >= 0) return array_;
  const RuleId rule = g_.declare("array");
  array_ = g_.ref(rule);
  const ExprId item = g_.sequence({value(), gap()});
  g_.define(rule, g_.sequence({g_.literal("["), gap(), list(item, 0, -1), g_.literal("]")}));
  return array_;
}

ExprId JsonValues::character() {
  if (character_ >= 0) return character_;
  const ExprId hex = g_.chars({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const ExprId d = g_.chars("dD");
  // Escaped surrogates come in pairs: one alone is no character.
  const ExprId escape = g_.choice(
      {g_.chars("\"\\/bfnrt"),
       g_.sequence({g_.literal("u"),
                    g_.chars({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}}), hex,
                    hex, hex}),
       g_.sequence({g_.literal("u"), d, g_.chars({{'0', '7'}}), hex, hex}),
       g_.sequence({g_.literal("u"), d, g_.chars("89abAB"), hex, hex, g_.literal("\\u"), d,
                    g_.chars("cdefCDEF"), hex, hex})});
  return once(character_, "character",
              g_.choice({g_.chars(complement(kEscaped)), g_.sequence({g_.literal("\\"), escape})}));
}

ExprId JsonValues::character_of(const std::vector<CodeRange>& ranges) {
  std::vector<ExprId> parts;
  const std::vector<CodeRange> plain = without(ranges, kEscaped);
  const bool any = std::any_of(plain.begin(), plain.end(),
                               [](const CodeRange& r) { return r.lo < 0xd800 || r.hi > 0xdfff; });
  if (any) parts.push_back(g_.chars(plain));
  for (const CodeRange& e : kEscaped)
    for (uint32_t c = e.lo; c <= e.hi; ++c) {
      const bool in = std::any_of(ranges.begin(), ranges.end(),
                                  [&](const CodeRange& r) { return r.lo <= c && c <= r.hi; });
      if (!in) continue;
      static constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";  // pairs
      std::string text;
      for (size_t k = 0; k < kShort.size(); k += 2)
        if (static_cast<uint8_t>(kShort[k]) == c) text = std::string("\\") + kShort[k + 1];
      parts.push_back(g_.literal(text.empty() ? fmt::format("\\u{:04x}", c) : text));
    }
  return g_.choice(std::move(parts));
}

ExprId JsonValues::string() {
  if (string_ >= 0) return string_;
  return once(string_, "string",
              g_.sequence({g_.literal("\""), g_.repeat(character(), 0, -1), g_.literal("\"")}));
}

ExprId JsonValues::integer() {
  if (integer_ >= 0) return integer_;
  const ExprId digits = g_.repeat(g_.chars({{'0', '9'}}), 0, kMaxDigits);
  return once(
      integer_, "integer",
      g_.sequence({g_.optional(g_.literal("-")),
                   g_.choice({g_.literal("0"), g_.sequence({g_.chars({{'1', '9'}}), digits})})}));
}

ExprId JsonValues::number() {
  if (number_ >= 0) return number_;
  const ExprId digit = g_.chars({{'0', '9'}});
  // Two digits of exponent: beyond are numbers that readers cannot hold.
  const ExprId exponent =
      g_.choice({g_.literal("0"), g_.sequence({g_.chars({{'1', '9'}}), g_.repeat(digit, 0, 1)})});
  return once(
      number_, "number",
      g_.sequence(
          {integer(),
           g_.optional(g_.sequence({g_.literal("."), g_.repeat(digit, 1, kMaxFraction)})),
           g_.optional(g_.sequence({g_.chars("eE"), g_.optional(g_.chars("+-")), exponent}))}));
}

// Behind the common beginning of these keys: characters that leave all of them, up to the closing
// quote. Escapes are left out until then: they could spell a declared key.
ExprId JsonValues::key_rest(const std::vector<std::u32string>& keys, size_t depth, ExprId rest) {
  std::map<char32_t, std::vector<std::u32string>> next;
  bool is_key = false;
  for (const std::u32string& key : keys) {
    if (key.size() == depth)
      is_key = true;
    else
      next[key[depth]].push_back(key);
  }
  std::vector<CodeRange> taken = kEscaped;
  std::vector<ExprId> parts;
  for (const auto& [code, longer] : next) {
    const char32_t c = code;  // lambdas of older compilers do not take bindings
    taken.push_back({c, c});
    const bool escaped = std::any_of(kEscaped.begin(), kEscaped.end(),
                                     [&](const CodeRange& r) { return r.lo <= c && c <= r.hi; });
    if (escaped || depth + 1 >= kMaxKeyDepth) continue;
    parts.push_back(g_.sequence({g_.chars({{c, c}}), key_rest(longer, depth + 1, rest)}));
  }
  parts.push_back(g_.sequence({g_.chars(complement(std::move(taken))), rest}));
  if (!is_key) parts.push_back(g_.literal("\""));
  return g_.choice(std::move(parts));
}

ExprId JsonValues::other_key(const std::vector<std::string>& keys) {
  if (keys.empty()) return string();
  std::vector<std::u32string> all;
  for (const std::string& key : keys) all.push_back(code_points(key));
  const ExprId rest = g_.ref(
      g_.define("rest of a key", g_.sequence({g_.repeat(character(), 0, -1), g_.literal("\"")})));
  return g_.sequence({g_.literal("\""), key_rest(all, 0, rest)});
}

Grammar json_grammar() {
  Grammar g;
  JsonValues json(g, true);
  g.root = g.define("root", json.object());
  return g;
}

}  // namespace engine::grammar
