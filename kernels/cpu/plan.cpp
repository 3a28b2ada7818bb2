#include "kernels/cpu/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cpu/lookup.h"
#include "kernels/plan/key_ropes.h"
#include "kernels/plan/passes.h"

namespace engine::cpu {
namespace {

bool overlap(const Touch& a, const Touch& b) {
  return a.space == b.space && (a.write || b.write) && a.begin < b.end && b.begin < a.end;
}

// A barrier goes after step i when step i + 1 touches what a step since the last barrier wrote, or
// writes what one read. few: values in the worker arenas are private and never conflict.
void place_barriers(Plan& plan, bool few) {
  std::vector<Touch> open, mine;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    mine.clear();
    touched(plan.graph, plan.layout, plan.steps[i].node, mine);
    if (few) std::erase_if(mine, [](const Touch& t) { return t.space == Touch::worker; });
    bool conflict = false;
    for (const Touch& a : mine)
      for (const Touch& b : open) conflict |= overlap(a, b);
    if (conflict) {
      (few ? plan.steps[i - 1].barrier_few : plan.steps[i - 1].barrier_many) = true;
      open.clear();
    }
    open.insert(open.end(), mine.begin(), mine.end());
  }
}

const Kernel<Ctx>* pick(const Plan& plan, const Node& n, std::span<const Tensor> weights,
                        const void* args, const Registry<Ctx>& registry, uint64_t features) {
  const bool matmul = n.op == Op::matmul || n.op == Op::expert_matmul;
  if (matmul) {
    const Tensor& w = weights[static_cast<size_t>(n.w[0])];
    return registry.pick(n.op, w.dtype, plan.graph.nodes[static_cast<size_t>(n.in[0])].dtype, args,
                         features, w.pack != 0 ? w.pack : -1);
  }
  DType type = DType::f32;
  if (n.op == Op::embed) type = weights[static_cast<size_t>(n.w[0])].dtype;
  if (n.op == Op::quantize_act) type = n.dtype;
  if (n.op == Op::kv_store || n.op == Op::attend)
    type = plan.binder.slots[static_cast<size_t>(n.slot)].dtype;
  return registry.pick(n.op, type, DType::f32, args, features);
}

}  // namespace

Result<std::unique_ptr<Plan>> compile_plan(const Graph& graph, std::span<const Tensor> weights,
                                           const PageStore& pages, const CompileOptions& options,
                                           const Registry<Ctx>& registry, uint64_t features,
                                           int workers) {
  auto plan = std::make_unique<Plan>();
  Plan& p = *plan;
  p.graph = graph;
  p.workers = workers, p.max_rows = options.max_rows, p.max_outputs = options.max_outputs,
  p.max_top = options.max_top;
  p.key_ropes = key_ropes(p.graph);
  fuse(p.graph, weights);
  take_outputs(p.graph);
  quantize_inputs(p.graph, weights);
  append_top(p.graph);
  p.layout = place_values(p.graph, p.max_rows, p.max_outputs);
  const size_t n = p.graph.nodes.size();
  p.expert_lists.resize(n);

  // One allocation: [arguments: n * workers][shared arena][worker arenas][candidates][cells of
  // split attention]; scratch follows when the kernels are known.
  const size_t args_bytes = kMaxArgsBytes * n * static_cast<size_t>(workers);
  const size_t shared = align_up(p.layout.shared_bytes, 4096),
               worker = align_up(p.layout.worker_bytes, 4096);
  const int64_t groups = (p.graph.n_vocab + kTopGroup - 1) / kTopGroup;
  const size_t cells = static_cast<size_t>(groups * p.max_outputs);
  const size_t top_bytes = align_up(
      cells * (static_cast<size_t>(p.max_top) * sizeof(Candidate) + 3 * sizeof(float)), 4096);
  const bool splits = workers > 1 && std::ranges::any_of(p.graph.nodes, [](const Node& node) {
                        return node.op == Op::attend;
                      });
  const size_t split_bytes =
      splits ? kSplitFloats * sizeof(float) + kSplitItems * sizeof(int32_t) : 0;
  ENGINE_TRY(memory, Buffer::allocate(args_bytes + shared + worker * static_cast<size_t>(workers) +
                                      top_bytes + split_bytes));
  p.memory = std::move(memory);
  std::byte* const arena = p.memory.data() + args_bytes;
  std::byte* const top = arena + shared + worker * static_cast<size_t>(workers);
  p.split.cells = reinterpret_cast<float*>(top + top_bytes);
  p.split.done = reinterpret_cast<int32_t*>(p.split.cells + kSplitFloats);
  p.binder = {&p.graph, weights,        &p.layout,  pages.views,
              arena,    arena + shared, p.max_rows, p.max_outputs,
              &p.state, p.expert_lists, {},         splits ? &p.split : nullptr,
              find_pack};
  p.binder.top.best = reinterpret_cast<Candidate*>(top);
  p.binder.top.counts =
      reinterpret_cast<int32_t*>(top + cells * static_cast<size_t>(p.max_top) * sizeof(Candidate));
  p.binder.top.max = reinterpret_cast<float*>(p.binder.top.counts + cells);
  p.binder.top.sum = p.binder.top.max + cells;
  p.binder.top.k_max = p.max_top;

  size_t scratch = 0;
  for (size_t i = 0; i < n; ++i) {
    const Node& node = p.graph.nodes[i];
    std::byte* args = p.memory.data() + kMaxArgsBytes * i * static_cast<size_t>(workers);
    for (int w = 0; w < workers; ++w) {
      Binder bind = p.binder;
      bind.worker += worker * static_cast<size_t>(w);
      ENGINE_TRY_STATUS(
          fill_args(bind, static_cast<Value>(i), args + kMaxArgsBytes * static_cast<size_t>(w)));
    }
    const Kernel<Ctx>* kernel = pick(p, node, weights, args, registry, features);
    if (kernel == nullptr)
      return Error{Errc::unsupported,
                   fmt::format("no kernel for the operator {} of layer {} on this machine",
                               op_name(node.op), node.layer)};
    if (node.op == Op::matmul || node.op == Op::expert_matmul)
      for (int w = 0; w < workers; ++w) {
        MatmulArgs& a =
            *reinterpret_cast<MatmulArgs*>(args + kMaxArgsBytes * static_cast<size_t>(w));
        a.micro = kernel->micro;
        a.pack = a.w.pack == 0 ? kernel->pack : nullptr;
      }
    if (kernel->scratch != nullptr) scratch = std::max(scratch, kernel->scratch(args));
    p.steps.push_back({kernel, args, static_cast<Value>(i), replicates(node), false, false});
  }
  place_barriers(p, true);
  place_barriers(p, false);
  if (!p.steps.empty())  // the join is the last barrier
    p.steps.back().barrier_few = p.steps.back().barrier_many = false;

  scratch = align_up(scratch + 64, 4096);
  ENGINE_TRY(extra, Buffer::allocate(scratch * static_cast<size_t>(workers)));
  for (int w = 0; w < workers; ++w)
    p.scratch.push_back(extra.data() + scratch * static_cast<size_t>(w));
  p.scratch_memory = std::move(extra);
  return plan;
}

}  // namespace engine::cpu
