// take_outputs(), append_top(): the tail of a graph works on the rows that want an output.
#include "kernels/plan/passes.h"
#include "kernels/plan/rewriter.h"

namespace engine {

void take_outputs(Graph& graph) {
  const Value n_nodes = static_cast<Value>(graph.nodes.size());
  Value last = -1;
  for (Value v = 0; v < n_nodes; ++v)
    if (const Op op = graph.nodes[static_cast<size_t>(v)].op;
        op == Op::attend || op == Op::attend_batch)
      last = v;
  // made up to the last attention, read after it
  std::vector<bool> crosses(graph.nodes.size(), false);
  for (Value v = last + 1; v < n_nodes; ++v) {
    const Node& n = graph.nodes[static_cast<size_t>(v)];
    for (Value in : {n.in[0], n.in[1], n.in[2], n.in[3], n.residual})
      if (in >= 0 && in <= last) crosses[static_cast<size_t>(in)] = true;
  }
  Rewriter to(graph);
  for (Value v = 0; v < n_nodes; ++v) {
    const Value kept = to.keep(v);
    if (v > last) to.node(kept).rows = Rows::outputs;
    if (v != last) continue;
    for (Value c = 0; c <= last; ++c) {
      if (!crosses[static_cast<size_t>(c)]) continue;
      Node take{Op::take_rows};
      take.in[0] = to(c);
      take.width = graph.nodes[static_cast<size_t>(c)].width;
      take.layer = graph.nodes[static_cast<size_t>(v)].layer;
      take.rows = Rows::outputs;
      to.set(c, to.push(take));
    }
  }
  to.finish();
}

void append_top(Graph& graph) {
  if (graph.logits < 0) return;
  Node top{Op::top_logits};
  top.in[0] = graph.logits;
  top.layer = graph.n_layer;
  top.rows = Rows::outputs;
  graph.nodes.push_back(top);
}

}  // namespace engine
