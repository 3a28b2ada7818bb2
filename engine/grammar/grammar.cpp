#include "engine/grammar/grammar.h"

#include <algorithm>

namespace engine::grammar {

std::vector<CodeRange> normalized(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.lo < b.lo; });
  std::vector<CodeRange> out;
  for (const CodeRange& r : ranges) {
    if (r.lo > r.hi) continue;
    if (!out.empty() && r.lo <= out.back().hi + 1)
      out.back().hi = std::max(out.back().hi, r.hi);
    else
      out.push_back(r);
  }
  return out;
}

std::vector<CodeRange> complement(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> out;
  uint32_t next = 0;
  for (const CodeRange& r : normalized(std::move(ranges))) {
    if (r.lo > next) out.push_back({next, r.lo - 1});
    next = r.hi + 1;
  }
  if (next <= kLastCodePoint) out.push_back({next, kLastCodePoint});
  return out;
}

void append_utf8(uint32_t c, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)),
      put(0x80 | (c & 0x3f));
}

ExprId Grammar::add(Expr e) {
  exprs_.push_back(std::move(e));
  return static_cast<ExprId>(exprs_.size()) - 1;
}

ExprId Grammar::literal(std::string text) {
  Expr e;
  e.kind = Expr::literal, e.text = std::move(text);
  return add(std::move(e));
}

ExprId Grammar::chars(std::vector<CodeRange> ranges) {
  Expr e;
  e.kind = Expr::char_class, e.ranges = normalized(std::move(ranges));
  return add(std::move(e));
}

ExprId Grammar::chars(std::string_view ascii) {
  std::vector<CodeRange> ranges;
  for (const char c : ascii) ranges.push_back({static_cast<uint8_t>(c), static_cast<uint8_t>(c)});
  return chars(std::move(ranges));
}

ExprId Grammar::sequence(std::vector<ExprId> parts) {
  if (parts.size() == 1) return parts[0];
  Expr e;
  e.kind = Expr::sequence, e.parts = std::move(parts);
  return add(std::move(e));
}

ExprId Grammar::choice(std::vector<ExprId> parts) {
  if (parts.size() == 1) return parts[0];
  Expr e;
  e.kind = Expr::choice, e.parts = std::move(parts);
  return add(std::move(e));
}

ExprId Grammar::repeat(ExprId part, int32_t min, int32_t max) {
  if (min == 1 && max == 1) return part;
  Expr e;
  e.kind = Expr::repeat, e.min = min, e.max = max, e.parts = {part};
  return add(std::move(e));
}

ExprId Grammar::ref(RuleId rule) {
  Expr e;
  e.kind = Expr::rule, e.id = rule;
  return add(std::move(e));
}

ExprId Grammar::until(std::string text) {
  Expr e;
  e.kind = Expr::until, e.text = std::move(text);
  return add(std::move(e));
}

ExprId Grammar::token(Token id, bool negated) {
  Expr e;
  e.kind = Expr::token, e.id = id, e.negated = negated;
  return add(std::move(e));
}

RuleId Grammar::declare(std::string name) {
  rules_.push_back({std::move(name), -1});
  return static_cast<RuleId>(rules_.size()) - 1;
}

RuleId Grammar::define(std::string name, ExprId body) {
  const RuleId rule = declare(std::move(name));
  define(rule, body);
  return rule;
}

size_t Grammar::bytes() const {
  size_t out = sizeof(*this) + exprs_.capacity() * sizeof(Expr) + rules_.capacity() * sizeof(Rule);
  for (const Expr& e : exprs_)
    out += e.text.size() + e.ranges.capacity() * sizeof(CodeRange) +
           e.parts.capacity() * sizeof(ExprId);
  for (const Rule& r : rules_) out += r.name.size();
  return out;
}

RuleId Grammar::take_over(const Grammar& other) {
  const auto exprs = static_cast<ExprId>(exprs_.size());
  const auto rules = static_cast<RuleId>(rules_.size());
  for (Expr e : other.exprs_) {
    for (ExprId& part : e.parts) part += exprs;
    if (e.kind == Expr::rule) e.id += rules;
    exprs_.push_back(std::move(e));
  }
  for (Rule rule : other.rules_) {
    if (rule.body >= 0) rule.body += exprs;
    rules_.push_back(std::move(rule));
  }
  return other.root + rules;
}

Grammar behind_thinking(Grammar g, Start start, const Tag& open, const Tag& close) {
  if (start == Start::at_once) return g;
  const ExprId gap = g.repeat(g.chars(" \t\r\n"), 0, 8), root = g.ref(g.root);
  const ExprId begin = open.token >= 0 ? g.token(open.token) : g.literal(open.text);
  const ExprId thinking =
      close.token >= 0
          ? g.sequence({g.repeat(g.token(close.token, true), 0, -1), g.token(close.token)})
          : g.until(close.text);
  std::vector<ExprId> parts;
  if (start == Start::after_thinking)
    parts = {thinking, gap, root};
  else
    parts = {gap, g.optional(g.sequence({begin, thinking, gap})), root};
  const ExprId body = g.sequence(std::move(parts));
  g.root = g.define("thinking, then " + g.rules()[static_cast<size_t>(g.root)].name, body);
  return g;
}

}  // namespace engine::grammar
