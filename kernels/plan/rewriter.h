// Rewriter: builds a new node list from an old one while values are renumbered.
#pragma once

#include <vector>

#include "kernels/graph.h"

namespace engine {

class Rewriter {
 public:
  explicit Rewriter(Graph& graph) : graph_(graph), map_(graph.nodes.size(), -1) {}

  // Appends a node whose inputs are already new values.
  Value push(const Node& n) {
    out_.push_back(n);
    return static_cast<Value>(out_.size() - 1);
  }
  // Appends old node v with its inputs renumbered, and remembers the new number.
  Value keep(Value v) { return map_[at(v)] = push(renumbered(graph_.nodes[at(v)])); }
  void set(Value old_value, Value new_value) { map_[at(old_value)] = new_value; }
  Value operator()(Value old_value) const { return old_value < 0 ? -1 : map_[at(old_value)]; }

  Node renumbered(Node n) const {
    for (Value& in : n.in) in = (*this)(in);
    n.residual = (*this)(n.residual);
    return n;
  }
  Node& node(Value new_value) { return out_[at(new_value)]; }

  void finish() {
    graph_.logits = (*this)(graph_.logits);
    graph_.hidden = (*this)(graph_.hidden);
    graph_.nodes = std::move(out_);
  }

 private:
  static size_t at(Value v) { return static_cast<size_t>(v); }
  Graph& graph_;
  std::vector<Value> map_;
  std::vector<Node> out_;
};

}  // namespace engine
