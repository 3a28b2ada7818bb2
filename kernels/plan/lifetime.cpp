#include "kernels/plan/lifetime.h"

#include <algorithm>

#include "engine/core/arena.h"

namespace engine {
namespace {

constexpr size_t kAlign = 64;

// First-fit over the gaps between live blocks.
class Arena {
 public:
  size_t take(size_t bytes) {
    size_t at = 0;
    auto it = live_.begin();
    for (; it != live_.end() && it->first < at + bytes; ++it) at = std::max(at, it->second);
    live_.insert(it, {at, at + bytes});
    std::sort(live_.begin(), live_.end());
    peak_ = std::max(peak_, at + bytes);
    return at;
  }
  void give(size_t at) {
    live_.erase(
        std::find_if(live_.begin(), live_.end(), [&](const auto& b) { return b.first == at; }));
  }
  size_t peak() const { return peak_; }

 private:
  std::vector<std::pair<size_t, size_t>> live_;  // begin, end; by begin
  size_t peak_ = 0;
};

// Rows at a multiple of 1 KiB would fall into the same few cache sets.
size_t row_stride(DType dtype, int64_t width) {
  const size_t bytes = align_up(static_cast<size_t>(row_bytes(dtype, width)), kAlign);
  return bytes % 1024 == 0 ? bytes + kAlign : bytes;
}

}  // namespace

bool replicates(const Node& n) {
  constexpr int64_t kMaxWidth = 32768;  // beyond, the redundant work would cost more than a barrier
  if (n.row_factor != 1 || n.width > kMaxWidth) return false;
  switch (n.op) {
    case Op::embed:
    case Op::take_rows:
    case Op::rms_norm:
    case Op::layer_norm:
    case Op::quantize_act:
    case Op::rope_table:
    case Op::rope:
    case Op::add:
    case Op::scale:
      return true;
    default:
      return false;
  }
}

size_t expert_list_bytes(int n_expert, int n_used, int rows) {
  return align_up(sizeof(int32_t) * static_cast<size_t>(n_expert + 1), kAlign) +
         align_up(sizeof(int32_t) * static_cast<size_t>(n_used * rows), kAlign);
}

Layout place_values(const Graph& graph, int max_rows, int max_outputs) {
  const size_t n = graph.nodes.size();
  std::vector<size_t> last(n, 0);
  for (size_t i = 0; i < n; ++i) {
    last[i] = std::max(last[i], i);
    for (Value in : {graph.nodes[i].in[0], graph.nodes[i].in[1], graph.nodes[i].in[2],
                     graph.nodes[i].in[3], graph.nodes[i].residual})
      if (in >= 0) last[static_cast<size_t>(in)] = i;
  }
  for (Value v : {graph.logits, graph.hidden})
    if (v >= 0) last[static_cast<size_t>(v)] = n;  // read after the step
  // Memory rests for a few nodes before it is used again: reuse right away would make the writer
  // wait for the last reader (a barrier).
  constexpr size_t kRest = 4;
  std::vector<std::vector<size_t>> ends(n + kRest + 1);
  Layout out;
  out.values.resize(n);
  Arena shared, worker;
  for (size_t i = 0; i < n; ++i) {
    const Node& node = graph.nodes[i];
    if (node.width > 0) {
      Placement& p = out.values[i];
      const int rows = (node.rows == Rows::outputs ? max_outputs : max_rows) * node.row_factor;
      p.worker = replicates(node);
      p.stride = node.op == Op::router_topk ? sizeof(float) * static_cast<size_t>(node.width)
                                            : row_stride(node.dtype, node.width);
      p.bytes = align_up(p.stride * static_cast<size_t>(rows), kAlign);
      if (node.op == Op::router_topk)
        p.bytes += expert_list_bytes(node.n_expert, node.n_used, rows);
      p.offset = (p.worker ? worker : shared).take(p.bytes);
      ends[last[i] + kRest].push_back(i);
    }
    for (size_t v : ends[i]) (out.values[v].worker ? worker : shared).give(out.values[v].offset);
  }
  out.shared_bytes = shared.peak();
  out.worker_bytes = worker.peak();
  return out;
}

}  // namespace engine
