// Program: a grammar compiled to a pushdown automaton over bytes. Characters become sequences of
// byte ranges, rules become graphs that call each other. Immutable; shared by all its matchers.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/grammar/grammar.h"

namespace engine::grammar {

struct Node {
  enum Kind : uint8_t {
    bytes,  // consumes one byte: edges [a, b)
    split,  // goes on at any of targets [a, b)
    call,   // rule a, then on at node b
    token,  // consumes the token a, or with negated any other; then on at node b
    end,    // of a rule
  };
  Kind kind;
  bool negated = false;
  int32_t a = 0, b = 0;
};

struct Edge {
  uint8_t lo, hi;
  int32_t to;
};

class Program {
 public:
  // Errc::invalid_argument: an undefined rule, left recursion, a class without characters, or more
  // than kMaxNodes nodes.
  static Result<std::shared_ptr<const Program>> compile(const Grammar& grammar);
  static constexpr size_t kMaxNodes = 1 << 20;

  const Node& node(int32_t id) const { return nodes_[static_cast<size_t>(id)]; }
  std::span<const Edge> edges(const Node& n) const {
    return std::span(edges_).subspan(static_cast<size_t>(n.a), static_cast<size_t>(n.b - n.a));
  }
  std::span<const int32_t> targets(const Node& n) const {
    return std::span(targets_).subspan(static_cast<size_t>(n.a), static_cast<size_t>(n.b - n.a));
  }
  int32_t entry(RuleId rule) const { return entries_[static_cast<size_t>(rule)]; }
  int32_t start() const { return start_; }
  size_t bytes() const {  // of its tables
    return sizeof(*this) + nodes_.capacity() * sizeof(Node) + edges_.capacity() * sizeof(Edge) +
           (targets_.capacity() + entries_.capacity()) * sizeof(int32_t);
  }

  // Bytes that no edge tells apart are one class.
  int classes() const { return classes_; }
  int class_of(uint8_t byte) const { return class_of_[byte]; }
  uint8_t member(int byte_class) const { return members_[static_cast<size_t>(byte_class)]; }

 private:
  friend class Compiler;
  Program() = default;

  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<int32_t> targets_, entries_;  // entries_: of each rule
  int32_t start_ = 0;
  int classes_ = 0;
  std::array<uint8_t, 256> class_of_{}, members_{};
};

}  // namespace engine::grammar
