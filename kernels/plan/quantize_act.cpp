// quantize_inputs(): activations are quantized once per distinct input, right before the first
// matmul that reads them.
#include <unordered_map>

#include "kernels/plan/passes.h"
#include "kernels/plan/rewriter.h"

namespace engine {

void quantize_inputs(Graph& graph, std::span<const Tensor> weights) {
  Rewriter to(graph);
  std::unordered_map<Value, Value> quantized;
  for (Value v = 0; v < static_cast<Value>(graph.nodes.size()); ++v) {
    const Node& n = graph.nodes[static_cast<size_t>(v)];
    const bool matmul = n.op == Op::matmul || n.op == Op::expert_matmul;
    if (!matmul || traits(weights[static_cast<size_t>(n.w[0])].dtype).act == DType::f32) {
      to.keep(v);
      continue;
    }
    const auto [it, fresh] = quantized.emplace(n.in[0], -1);
    if (fresh) {
      const Node& source = graph.nodes[static_cast<size_t>(n.in[0])];
      Node q{Op::quantize_act};
      q.in[0] = to(n.in[0]);
      q.layer = n.layer, q.width = source.width, q.dtype = DType::a8x32,
      q.row_factor = source.row_factor, q.rows = n.rows;
      it->second = to.push(q);
    }
    Node reads = to.renumbered(n);
    reads.in[0] = it->second;
    to.set(v, to.push(reads));
  }
  to.finish();
}

}  // namespace engine
