// fuse(): epilogues. A node is folded into its producer only
// when it is the producer's single reader.
#include "kernels/plan/passes.h"
#include "kernels/plan/rewriter.h"

namespace engine {
namespace {

struct Uses {
  explicit Uses(const Graph& g) : count(g.nodes.size(), 0) {
    for (const Node& n : g.nodes) {
      for (Value v : n.in)
        if (v >= 0) ++count[static_cast<size_t>(v)];
      if (n.residual >= 0) ++count[static_cast<size_t>(n.residual)];
    }
    for (Value v : {g.logits, g.hidden})
      if (v >= 0) ++count[static_cast<size_t>(v)];
  }
  bool single(Value v) const { return v >= 0 && count[static_cast<size_t>(v)] == 1; }
  std::vector<int> count;
};

bool is_matmul(const Node& n) {
  return n.op == Op::matmul || n.op == Op::expert_matmul;
}

// act(gate) * up as one matmul over two matrices: same input, same type, no biases.
bool pairs(const Graph& g, const Uses& uses, std::span<const Tensor> weights, const Node& glu) {
  if (!uses.single(glu.in[0]) || !uses.single(glu.in[1])) return false;
  const Node &a = g.nodes[static_cast<size_t>(glu.in[0])],
             &b = g.nodes[static_cast<size_t>(glu.in[1])];
  if (!is_matmul(a) || a.op != b.op || a.in[0] != b.in[0] || a.in[1] != b.in[1] ||
      a.x_per_entry != b.x_per_entry)
    return false;
  if (a.w[2] >= 0 || b.w[2] >= 0 || a.residual >= 0 || b.residual >= 0) return false;
  const Tensor &wa = weights[static_cast<size_t>(a.w[0])],
               &wb = weights[static_cast<size_t>(b.w[0])];
  return wa.dtype == wb.dtype && wa.pack == wb.pack && wa.ne[1] == wb.ne[1];
}

// Whether `other` (added to the result of v) can become the residual of v: v computes a sum and
// other is there before it.
bool takes_residual(const Graph& g, const Uses& uses, Value v, Value other, float scale) {
  if (!uses.single(v) || other >= v) return false;
  const Node& n = g.nodes[static_cast<size_t>(v)];
  if (n.residual >= 0 || n.softcap != 0) return false;
  if (n.op == Op::matmul) return n.w[1] < 0;
  return (n.op == Op::rms_norm || n.op == Op::combine) && n.n_head == 1 && scale == 1;
}

void fold_pairs(Graph& g, std::span<const Tensor> weights) {
  const Uses uses(g);
  std::vector<bool> dead(g.nodes.size(), false);
  for (const Node& n : g.nodes)
    if (n.op == Op::glu && pairs(g, uses, weights, n))
      dead[static_cast<size_t>(n.in[0])] = dead[static_cast<size_t>(n.in[1])] = true;
  Rewriter to(g);
  for (Value v = 0; v < static_cast<Value>(g.nodes.size()); ++v) {
    const Node& n = g.nodes[static_cast<size_t>(v)];
    if (dead[static_cast<size_t>(v)]) continue;
    if (n.op == Op::glu && dead[static_cast<size_t>(n.in[0])]) {
      Node pair = to.renumbered(g.nodes[static_cast<size_t>(n.in[0])]);
      pair.w[1] = g.nodes[static_cast<size_t>(n.in[1])].w[0];
      pair.act = n.act;
      to.set(v, to.push(pair));
    } else {
      to.keep(v);
    }
  }
  to.finish();
}

void fold_sums(Graph& g) {
  const Uses uses(g);
  Rewriter to(g);
  for (Value v = 0; v < static_cast<Value>(g.nodes.size()); ++v) {
    const Node& n = g.nodes[static_cast<size_t>(v)];
    if (n.op == Op::add) {
      Value sum = n.in[1], other = n.in[0];
      bool fold = takes_residual(g, uses, sum, other, n.scale);
      if (!fold && n.scale == 1) {
        std::swap(sum, other);
        fold = takes_residual(g, uses, sum, other, 1);
      }
      if (fold) {
        Node& target = to.node(to(sum));
        target.residual = to(other);
        if (target.op == Op::matmul) target.scale *= n.scale;
        to.set(v, to(sum));
        continue;
      }
    }
    if (n.op == Op::softcap && uses.single(n.in[0])) {
      Node& target = to.node(to(n.in[0]));
      if (target.op == Op::matmul && target.w[1] < 0 && target.residual < 0) {
        target.softcap = n.softcap;
        to.set(v, to(n.in[0]));
        continue;
      }
    }
    to.keep(v);
  }
  to.finish();
}

}  // namespace

void fuse(Graph& graph, std::span<const Tensor> weights) {
  fold_pairs(graph, weights);
  fold_sums(graph);
}

}  // namespace engine
