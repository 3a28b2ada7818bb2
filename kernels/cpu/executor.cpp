// The CPU executor: one fork/join per step of the model; each worker walks the plan and waits only
// where a barrier is due.
#include "kernels/cpu/executor.h"

#include "kernels/cpu/verify.h"
#include "kernels/top.h"

namespace engine::cpu {
namespace {

// Next item of each worker's own range, for one step. Padded: workers count in their own lines.
struct alignas(64) Counter {
  std::atomic<int64_t> next{0};
};

constexpr int64_t kChunks = 8;  // chunks of a worker's own range in a stolen step

Range own_range(int64_t items, int worker, int workers) {
  return {items * worker / workers, items * (worker + 1) / workers};
}

void run_stolen(const Step& step, const std::byte* args, int64_t items, Ctx& ctx, const Team& team,
                Counter* counters) {
  const int64_t chunk = std::max(step.kernel->grain(args), items / (team.workers * kChunks));
  for (int i = 0; i < team.workers; ++i) {
    const int victim = (team.worker + i) % team.workers;
    const Range own = own_range(items, victim, team.workers);
    for (;;) {
      const int64_t at =
          own.begin + counters[victim].next.fetch_add(chunk, std::memory_order_relaxed);
      if (at >= own.end) break;
      step.kernel->run(args, {at, std::min(own.end, at + chunk)}, ctx);
    }
  }
}

class CpuExecutable final : public Executable {
 public:
  CpuExecutable(std::unique_ptr<Plan> plan, ThreadPool& pool, const Registry<Ctx>& registry,
                bool verify)
      : plan_(std::move(plan)),
        pool_(pool),
        registry_(registry),
        verify_(verify),
        counters_(plan_->steps.size() * static_cast<size_t>(plan_->workers)) {}

  void submit(const Batch& batch) override {
    StepState& s = plan_->state;
    out_rows_.clear(), needs_.clear(), row_segment_.clear();
    for (size_t i = 0; i < batch.needs.size(); ++i)
      if (batch.needs[i].kind != OutputNeed::none)
        out_rows_.push_back(static_cast<int32_t>(i)), needs_.push_back(batch.needs[i]);
    for (size_t g = 0; g < batch.segments.size(); ++g)
      row_segment_.insert(row_segment_.end(), static_cast<size_t>(batch.segments[g].n_rows),
                          static_cast<int32_t>(g));
    ENGINE_CHECK(static_cast<int>(batch.tokens.size()) <= plan_->max_rows,
                 "more rows than the plan has memory for");
    ENGINE_CHECK(static_cast<int>(out_rows_.size()) <= plan_->max_outputs,
                 "more outputs than the plan has memory for");
    ENGINE_CHECK(row_segment_.size() == batch.tokens.size(), "segments do not cover the rows");
    s = {static_cast<int32_t>(batch.tokens.size()),
         static_cast<int32_t>(out_rows_.size()),
         batch.tokens,
         batch.positions,
         out_rows_,
         needs_,
         batch.segments,
         row_segment_};
  }

  Status wait(BatchOutput& out) override {
    if (verify_) {
      ENGINE_TRY_STATUS(verify_plan(*plan_, registry_));
    } else {
      run();
    }
    collect(out);
    return ok;
  }

  PlanReport report() const override {
    PlanReport r;
    r.shared_bytes = plan_->layout.shared_bytes, r.worker_bytes = plan_->layout.worker_bytes,
    r.workers = plan_->workers;
    for (const Step& step : plan_->steps) {
      const Node& n = plan_->graph.nodes[static_cast<size_t>(step.node)];
      StepReport s;
      s.op = op_name(n.op), s.kernel = step.kernel->id, s.layer = n.layer, s.out = n.width;
      s.split = step.replicated ? "replicate" : steals(n) ? "steal" : "owned";
      s.barrier = step.barrier_few;
      for (int32_t w : {n.w[0], n.w[1]}) {
        if (w < 0) continue;
        const Tensor& t = plan_->binder.weights[static_cast<size_t>(w)];
        s.weight +=
            (s.weight.empty() ? "" : " + ") + plan_->graph.weights[static_cast<size_t>(w)].name;
        if (n.op == Op::matmul || n.op == Op::expert_matmul) s.k = t.ne[0];
        if (n.op != Op::embed) s.bytes += t.bytes();
      }
      r.weight_bytes += s.bytes;
      r.steps.push_back(std::move(s));
    }
    return r;
  }

 private:
  static bool steals(const Node& n) {
    return n.op == Op::matmul || n.op == Op::expert_matmul || n.op == Op::attend;
  }

  void run() {
    for (Counter& c : counters_) c.next.store(0, std::memory_order_relaxed);
    fork_join(pool_, plan_->workers, [this](const Team& team) { work(team); });
  }

  void work(const Team& team) noexcept {
    const bool few = plan_->state.n_rows <= kFewRows;
    Ctx ctx{plan_->scratch[static_cast<size_t>(team.worker)]};
    Counter* counters = counters_.data();
    for (const Step& step : plan_->steps) {
      const std::byte* args =
          step.args + (few ? kMaxArgsBytes * static_cast<size_t>(team.worker) : 0);
      const int64_t items = step.kernel->items(args);
      if (few && step.replicated) {
        if (items > 0) step.kernel->run(args, {0, items}, ctx);
      } else if (steals(plan_->graph.nodes[static_cast<size_t>(step.node)]) && team.workers > 1) {
        run_stolen(step, args, items, ctx, team, counters);
      } else if (const Range own = own_range(items, team.worker, team.workers);
                 own.begin < own.end) {
        step.kernel->run(args, own, ctx);
      }
      counters += team.workers;
      if (few ? step.barrier_few : step.barrier_many) team.barrier.wait();
    }
  }

  void collect(BatchOutput& out) {
    const StepState& s = plan_->state;
    outputs_.resize(static_cast<size_t>(s.n_out));
    candidates_.resize(static_cast<size_t>(s.n_out));
    const Tensor logits = plan_->binder.value(plan_->graph.logits),
                 hidden = plan_->binder.value(plan_->graph.hidden);
    TopArgs top = plan_->binder.top;
    top.logits = logits, top.step = &s;
    for (int32_t i = 0; i < s.n_out; ++i) {
      const OutputNeed& need = needs_[static_cast<size_t>(i)];
      RowOutput& o = outputs_[static_cast<size_t>(i)] = {};
      if (need.kind == OutputNeed::top) {
        std::vector<Candidate>& best = candidates_[static_cast<size_t>(i)];
        best.resize(static_cast<size_t>(need.k) + need.also.size());
        const TopResult merged = merge_top(top, i, best.data());
        o.top = std::span<const Candidate>(best).first(static_cast<size_t>(merged.count));
        o.logsumexp = merged.logsumexp;
      }
      if (need.kind == OutputNeed::full)
        o.full = {reinterpret_cast<float*>(logits.row(i)),
                  static_cast<size_t>(plan_->graph.n_vocab)};
      if (need.kind == OutputNeed::hidden)
        o.hidden = {reinterpret_cast<const float*>(hidden.row(i)),
                    static_cast<size_t>(plan_->graph.n_embd)};
    }
    out.rows = outputs_;
  }

  std::unique_ptr<Plan> plan_;
  ThreadPool& pool_;
  const Registry<Ctx>& registry_;
  const bool verify_;
  std::vector<Counter> counters_;
  std::vector<int32_t> out_rows_, row_segment_;
  std::vector<OutputNeed> needs_;
  std::vector<RowOutput> outputs_;
  std::vector<std::vector<Candidate>> candidates_;
};

}  // namespace

std::unique_ptr<Executable> make_executable(std::unique_ptr<Plan> plan, ThreadPool& pool,
                                            const Registry<Ctx>& registry, bool verify) {
  return std::make_unique<CpuExecutable>(std::move(plan), pool, registry, verify);
}

}  // namespace engine::cpu
