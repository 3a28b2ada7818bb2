// Expressions are compiled from the back: each knows the node that follows it. The last call of a
// rule then needs no return address, so right recursion costs no stack.
#include "engine/grammar/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/grammar/utf8_ranges.h"

namespace engine::grammar {

class Compiler {
 public:
  explicit Compiler(const Grammar& g) : g_(g) {}
  Result<std::shared_ptr<const Program>> run();

 private:
  int32_t build(ExprId id, int32_t next);
  int32_t build_class(const Expr& e, int32_t next);
  int32_t build_repeat(const Expr& e, int32_t next);
  int32_t build_until(const Expr& e, int32_t next);
  int32_t add(Node node);
  int32_t bytes(const std::vector<Edge>& edges);
  int32_t split(const std::vector<int32_t>& targets);
  RuleId rule_of(ExprId part);
  Status check_left_recursion() const;
  void make_classes();
  const std::string& name(RuleId rule) const;

  const Grammar& g_;
  Program p_;
  Error failed_{Errc::internal, {}};  // a message: compilation has failed
  std::vector<ExprId> bodies_;        // of the rules of the grammar and of those made here
  std::unordered_map<ExprId, RuleId> made_;
};

int32_t Compiler::add(Node node) {
  if (p_.nodes_.size() >= Program::kMaxNodes || p_.edges_.size() >= Program::kMaxNodes ||
      p_.targets_.size() >= Program::kMaxNodes) {
    if (failed_.message.empty())
      failed_ = {Errc::invalid_argument,
                 "the grammar is too large: fewer or smaller repetitions are needed"};
    return 0;
  }
  p_.nodes_.push_back(node);
  return static_cast<int32_t>(p_.nodes_.size()) - 1;
}

int32_t Compiler::bytes(const std::vector<Edge>& edges) {
  const auto first = static_cast<int32_t>(p_.edges_.size());
  p_.edges_.insert(p_.edges_.end(), edges.begin(), edges.end());
  return add({Node::bytes, false, first, static_cast<int32_t>(p_.edges_.size())});
}

int32_t Compiler::split(const std::vector<int32_t>& targets) {
  const auto first = static_cast<int32_t>(p_.targets_.size());
  p_.targets_.insert(p_.targets_.end(), targets.begin(), targets.end());
  return add({Node::split, false, first, static_cast<int32_t>(p_.targets_.size())});
}

const std::string& Compiler::name(RuleId rule) const {
  static const std::string kPart = "a repeated part";
  return static_cast<size_t>(rule) < g_.rules().size() ? g_.rules()[static_cast<size_t>(rule)].name
                                                       : kPart;
}

// Parts that are repeated often are compiled once and called.
RuleId Compiler::rule_of(ExprId part) {
  if (g_.expr(part).kind == Expr::rule) return g_.expr(part).id;
  const auto [it, fresh] = made_.try_emplace(part, static_cast<RuleId>(bodies_.size()));
  if (fresh) bodies_.push_back(part);
  return it->second;
}

int32_t Compiler::build_class(const Expr& e, int32_t next) {
  const std::vector<ByteSequence> sequences = utf8_sequences(e.ranges);
  if (sequences.empty() && failed_.message.empty())
    failed_ = {Errc::invalid_argument, "a character class of the grammar matches no character"};
  // Sequences that end alike share the nodes of their ends.
  std::map<std::vector<std::pair<uint8_t, uint8_t>>, int32_t> tails;
  std::vector<Edge> first;
  for (const ByteSequence& s : sequences) {
    int32_t to = next;
    std::vector<std::pair<uint8_t, uint8_t>> tail;
    for (size_t i = s.size(); --i > 0;) {
      tail.emplace_back(s[i].lo, s[i].hi);
      const auto [it, fresh] = tails.try_emplace(tail, 0);
      if (fresh) it->second = bytes({{s[i].lo, s[i].hi, to}});
      to = it->second;
    }
    first.push_back({s[0].lo, s[0].hi, to});
  }
  return bytes(first);
}

int32_t Compiler::build_repeat(const Expr& e, int32_t next) {
  const int32_t copies = std::max(e.min, e.max);
  const Expr& part = g_.expr(e.parts[0]);
  const bool simple =
      part.kind == Expr::literal || part.kind == Expr::rule ||
      (part.kind == Expr::char_class && part.ranges.size() == 1 && part.ranges[0].hi < 0x80);
  const RuleId rule = copies > 4 && !simple ? rule_of(e.parts[0]) : -1;
  const auto once = [&](int32_t then) {
    return rule >= 0 ? add({Node::call, false, rule, then}) : build(e.parts[0], then);
  };
  int32_t at = next;
  if (e.max < 0) {
    at = split({0, next});
    const int32_t body = once(at);
    if (failed_.message.empty())
      p_.targets_[static_cast<size_t>(p_.nodes_[static_cast<size_t>(at)].a)] = body;
  }
  for (int32_t i = e.min; i < e.max && failed_.message.empty(); ++i) at = split({once(at), next});
  for (int32_t i = 0; i < e.min && failed_.message.empty(); ++i) at = once(at);
  return at;
}

// One node per number of matched bytes of the marker (Knuth, Morris and Pratt).
int32_t Compiler::build_until(const Expr& e, int32_t next) {
  const std::string& marker = e.text;
  const size_t n = marker.size();
  if (n == 0) return next;
  std::vector<int32_t> nodes;
  for (size_t i = 0; i < n; ++i) nodes.push_back(add({Node::bytes, false, 0, 0}));
  const auto matched = [&](size_t at, uint8_t byte) {
    const std::string text = marker.substr(0, at) + static_cast<char>(byte);
    size_t length = std::min(text.size(), n);
    while (length > 0 && !std::string_view(text).ends_with(marker.substr(0, length))) --length;
    return length;
  };
  for (size_t i = 0; i < n && failed_.message.empty(); ++i) {
    const auto first = static_cast<int32_t>(p_.edges_.size());
    for (int b = 0, begin = 0; b < 256; ++b) {
      const size_t here = matched(i, static_cast<uint8_t>(b));
      if (b < 255 && matched(i, static_cast<uint8_t>(b + 1)) == here) continue;
      p_.edges_.push_back(
          {static_cast<uint8_t>(begin), static_cast<uint8_t>(b), here == n ? next : nodes[here]});
      begin = b + 1;
    }
    p_.nodes_[static_cast<size_t>(nodes[i])] = {Node::bytes, false, first,
                                                static_cast<int32_t>(p_.edges_.size())};
  }
  return nodes[0];
}

int32_t Compiler::build(ExprId id, int32_t next) {
  if (!failed_.message.empty()) return 0;
  const Expr& e = g_.expr(id);
  switch (e.kind) {
    case Expr::literal: {
      int32_t at = next;
      for (size_t i = e.text.size(); i-- > 0;) {
        const auto byte = static_cast<uint8_t>(e.text[i]);
        at = bytes({{byte, byte, at}});
      }
      return at;
    }
    case Expr::char_class:
      return build_class(e, next);
    case Expr::sequence: {
      int32_t at = next;
      for (size_t i = e.parts.size(); i-- > 0;) at = build(e.parts[i], at);
      return at;
    }
    case Expr::choice: {
      std::vector<int32_t> targets;
      for (const ExprId part : e.parts) targets.push_back(build(part, next));
      return split(targets);
    }
    case Expr::repeat:
      return build_repeat(e, next);
    case Expr::rule:
      return add({Node::call, false, e.id, next});
    case Expr::token:
      return add({Node::token, e.negated, e.id, next});
    case Expr::until:
      return build_until(e, next);
  }
  return next;
}

// A rule that calls itself before it has consumed a byte would be entered without end.
// Every node belongs to one rule, so one pass finds what each rule reaches without consuming.
Status Compiler::check_left_recursion() const {
  const size_t n = bodies_.size();
  std::vector<uint8_t> reached(p_.nodes_.size()), nullable(n);
  std::vector<std::vector<RuleId>> calls(n);
  std::vector<std::pair<int32_t, RuleId>> todo;                     // nodes and their rules
  std::vector<std::vector<std::pair<int32_t, RuleId>>> waiting(n);  // until a rule is nullable
  for (size_t r = 0; r < n; ++r) todo.emplace_back(p_.entries_[r], static_cast<RuleId>(r));
  while (!todo.empty()) {
    const auto [at, rule] = todo.back();
    todo.pop_back();
    if (std::exchange(reached[static_cast<size_t>(at)], uint8_t{1}) != 0) continue;
    const Node& node = p_.node(at);
    if (node.kind == Node::end && nullable[static_cast<size_t>(rule)] == 0) {
      nullable[static_cast<size_t>(rule)] = 1;
      const auto& more = waiting[static_cast<size_t>(rule)];
      todo.insert(todo.end(), more.begin(), more.end());
    } else if (node.kind == Node::split) {
      for (const int32_t t : p_.targets(node)) todo.emplace_back(t, rule);
    } else if (node.kind == Node::call) {
      calls[static_cast<size_t>(rule)].push_back(node.a);
      if (nullable[static_cast<size_t>(node.a)] != 0)
        todo.emplace_back(node.b, rule);
      else
        waiting[static_cast<size_t>(node.a)].emplace_back(node.b, rule);
    }
  }
  // Depth first with an own stack: chains of rules may be long.
  std::vector<uint8_t> color(n);  // 1: on the path, 2: done
  for (size_t r = 0; r < n; ++r) {
    if (color[r] != 0) continue;
    std::vector<std::pair<RuleId, size_t>> path = {{static_cast<RuleId>(r), 0}};
    color[r] = 1;
    while (!path.empty()) {
      auto& [rule, at] = path.back();
      if (at == calls[static_cast<size_t>(rule)].size()) {
        color[static_cast<size_t>(rule)] = 2;
        path.pop_back();
        continue;
      }
      const RuleId to = calls[static_cast<size_t>(rule)][at++];
      if (color[static_cast<size_t>(to)] == 1)
        return Error{Errc::invalid_argument,
                     fmt::format("the grammar has a left recursion: rule '{}' begins with itself",
                                 name(to))};
      if (color[static_cast<size_t>(to)] != 0) continue;
      color[static_cast<size_t>(to)] = 1;
      path.emplace_back(to, 0);
    }
  }
  return ok;
}

void Compiler::make_classes() {
  std::array<bool, 257> border{};
  border[0] = true;
  for (const Edge& e : p_.edges_) border[e.lo] = border[e.hi + 1u] = true;
  int last = -1;
  for (size_t b = 0; b < 256; ++b) {
    if (border[b]) p_.members_[static_cast<size_t>(++last)] = static_cast<uint8_t>(b);
    p_.class_of_[b] = static_cast<uint8_t>(last);
  }
  p_.classes_ = last + 1;
}

Result<std::shared_ptr<const Program>> Compiler::run() {
  for (const Grammar::Rule& rule : g_.rules()) {
    if (rule.body < 0)
      return Error{Errc::invalid_argument,
                   fmt::format("the grammar has no rule '{}', which is used", rule.name)};
    bodies_.push_back(rule.body);
  }
  if (g_.root < 0) return Error{Errc::invalid_argument, "the grammar has no rule 'root'"};
  // bodies_ grows while parts become rules.
  for (size_t r = 0; r < bodies_.size() && failed_.message.empty(); ++r) {
    const int32_t end = add({Node::end, false, 0, 0});
    p_.entries_.push_back(build(bodies_[r], end));
  }
  if (!failed_.message.empty()) return failed_;
  p_.start_ = p_.entry(g_.root);
  ENGINE_TRY_STATUS(check_left_recursion());
  make_classes();
  return std::shared_ptr<const Program>(new Program(std::move(p_)));
}

Result<std::shared_ptr<const Program>> Program::compile(const Grammar& grammar) {
  return Compiler(grammar).run();
}

}  // namespace engine::grammar
