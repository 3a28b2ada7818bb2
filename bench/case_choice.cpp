// top_logits and router_topk: choosing from rows of numbers.
#include <fmt/format.h>

#include "bench/case.h"

namespace engine::bench {
namespace {

std::unique_ptr<Case> make_top(int n_vocab, int k) {
  auto c = std::make_unique<Case>();
  TopArgs& a = c->own(TopArgs{});
  StepState& step = c->own(StepState{});
  OutputNeed& need = c->own(OutputNeed{OutputNeed::top, k, true, {}});
  const size_t groups = static_cast<size_t>((n_vocab + kTopGroup - 1) / kTopGroup);
  a.logits =
      make_tensor(reinterpret_cast<std::byte*>(c->floats(n_vocab, 1)), DType::f32, n_vocab, 1);
  a.best =
      reinterpret_cast<Candidate*>(c->memory(groups * static_cast<size_t>(k) * sizeof(Candidate)));
  a.counts = reinterpret_cast<int32_t*>(c->memory(groups * 4));
  a.max = reinterpret_cast<float*>(c->memory(groups * 4));
  a.sum = reinterpret_cast<float*>(c->memory(groups * 4));
  a.k_max = k, a.step = &step;
  step.n_rows = step.n_out = 1, step.needs = {&need, 1};
  c->args = &a;
  c->use_rows = [](int) {};
  c->result = [&a, groups, k](int) {
    std::vector<float> out;
    for (size_t g = 0; g < groups; ++g) {
      for (int i = 0; i < a.counts[g]; ++i)
        out.push_back(
            static_cast<float>(a.best[g * static_cast<size_t>(k) + static_cast<size_t>(i)].id));
      out.push_back(a.max[g]), out.push_back(a.sum[g]);
    }
    return out;
  };
  c->bytes = 4.0 * n_vocab;
  return c;
}

std::unique_ptr<Case> make_router(int n_expert, int n_used, int n) {
  auto c = std::make_unique<Case>();
  RouterArgs& a = c->own(RouterArgs{});
  int32_t& rows = c->own<int32_t>(n);
  auto& offsets = c->own(std::vector<int32_t>(static_cast<size_t>(n_expert) + 1));
  auto& entries = c->own(std::vector<int32_t>(static_cast<size_t>(n * n_used)));
  ExpertList& list = c->own(ExpertList{n_expert, n_used, offsets.data(), entries.data()});
  a.logits = make_tensor(reinterpret_cast<std::byte*>(c->floats(n_expert * n, 1)), DType::f32,
                         n_expert, n);
  a.normalize = true, a.scale = 1, a.list = &list, a.n_rows = &rows;
  a.weights = reinterpret_cast<float*>(c->memory(static_cast<size_t>(n * n_used) * 4));
  c->args = &a, c->rows = n;
  c->use_rows = [&rows](int count) { rows = count; };
  c->result = [&a, n_used](int count) {
    return std::vector<float>(a.weights, a.weights + count * n_used);
  };
  c->bytes = 4.0 * (n_expert + 2 * n_used) * n;
  return c;
}

}  // namespace

std::vector<NamedCase> choice_cases(const CpuKernel& kernel, const ModelShape& m) {
  std::vector<NamedCase> out;
  if (kernel.op == Op::top_logits) {
    for (const int k : {1, 40})
      out.push_back({fmt::format("words:{}/k:{}", m.n_vocab, k),
                     [v = m.n_vocab, k](const CpuKernel&, bool) { return make_top(v, k); }});
  }
  if (kernel.op == Op::router_topk) {
    for (const int n : {1, 512})
      out.push_back({fmt::format("experts:64/used:8/n:{}", n),
                     [n](const CpuKernel&, bool) { return make_router(64, 8, n); }});
  }
  return out;
}

}  // namespace engine::bench
