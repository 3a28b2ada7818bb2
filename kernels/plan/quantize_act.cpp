// quantize_inputs(): activations are quantized once per distinct input and activation type, right
// before the first matmul that reads them.
#include <map>
#include <utility>

#include "kernels/plan/passes.h"
#include "kernels/plan/rewriter.h"

namespace engine {

void quantize_inputs(Graph& graph, std::span<const Tensor> weights) {
  Rewriter to(graph);
  std::map<std::pair<Value, DType>, Value> quantized;
  for (Value v = 0; v < static_cast<Value>(graph.nodes.size()); ++v) {
    const Node& n = graph.nodes[static_cast<size_t>(v)];
    const bool matmul = n.op == Op::matmul || n.op == Op::expert_matmul;
    const DType act = matmul ? traits(weights[static_cast<size_t>(n.w[0])].dtype).act : DType::f32;
    if (act == DType::f32) {
      to.keep(v);
      continue;
    }
    const auto [it, fresh] = quantized.emplace(std::pair(n.in[0], act), -1);
    if (fresh) {
      const Node& source = graph.nodes[static_cast<size_t>(n.in[0])];
      Node q{Op::quantize_act};
      q.in[0] = to(n.in[0]);
      q.layer = n.layer, q.width = source.width, q.dtype = act, q.row_factor = source.row_factor,
      q.rows = n.rows;
      it->second = to.push(q);
    }
    Node reads = to.renumbered(n);
    reads.in[0] = it->second;
    to.set(v, to.push(reads));
  }
  to.finish();
}

}  // namespace engine
