#include "kernels/plan/key_ropes.h"

namespace engine {
namespace {

// Whether a row depends on more than the tokens that attention sees.
bool tied_to_place(const Node& n) {
  switch (n.op) {
    case Op::embed:
      return n.by == LookupBy::position;
    case Op::attend_batch:
    case Op::conv_state:
    case Op::delta_rule:
    case Op::ssm_scan:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<std::vector<int32_t>> key_ropes(const Graph& graph) {
  constexpr int32_t kUnknown = -2;
  std::vector<int32_t> out(graph.slots.size(), kUnknown);
  const auto node = [&graph](Value v) -> const Node& {
    return graph.nodes[static_cast<size_t>(v)];
  };
  for (const Node& n : graph.nodes) {
    if (tied_to_place(n)) return std::nullopt;
    if (n.op != Op::kv_store) continue;
    const Node* k = &node(n.in[0]);
    int32_t rope = -1;
    if (k->op == Op::rope) {
      if (k->head_dim != graph.slots[static_cast<size_t>(n.slot)].dk) return std::nullopt;
      rope = k->rope;
    } else {
      while (k->op == Op::rms_norm || k->op == Op::layer_norm) k = &node(k->in[0]);
      if (k->op != Op::matmul) return std::nullopt;
    }
    int32_t& known = out[static_cast<size_t>(n.slot)];
    if (known != kUnknown && known != rope) return std::nullopt;
    known = rope;
  }
  for (int32_t rope : out)
    if (rope == kUnknown) return std::nullopt;
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace engine
