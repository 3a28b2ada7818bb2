// The CPU executor: one fork/join per step of the model; each worker walks the plan and waits only
// where a barrier is due.
#include "kernels/cpu/executor.h"

#include "engine/core/clock.h"
#include "kernels/cpu/attention/turn_keys.h"
#include "kernels/cpu/move_pages.h"
#include "kernels/cpu/team_size.h"
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

struct StepTimes {
  int64_t run_ns = 0, wait_ns = 0;
};

enum class Walk : uint8_t { plain, timed, observed };

class CpuExecutable final : public Executable {
 public:
  CpuExecutable(std::unique_ptr<Plan> plan, ThreadPool& pool, const Registry<Ctx>& registry,
                bool verify)
      : plan_(std::move(plan)),
        pool_(pool),
        registry_(registry),
        verify_(verify),
        few_(plan_->workers),
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
      describe_work(n, step, s);
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
    r.profiled = profiled_, r.profiled_ns = profiled_ns_;
    for (size_t i = 0; i < times_.size(); ++i) {
      StepReport& s = r.steps[i % r.steps.size()];
      s.run_ns += times_[i].run_ns, s.wait_ns += times_[i].wait_ns;
    }
    return r;
  }

  Status observe(MatmulObserver observer) override {
    for (const Step& step : plan_->steps) {
      const Node& n = plan_->graph.nodes[static_cast<size_t>(step.node)];
      if (observer && multiplies(n) &&
          reinterpret_cast<const MatmulArgs*>(step.args)->x.dtype != DType::f32)
        return Error{Errc::unsupported,
                     "this plan quantizes its activations; load the model as reference"};
    }
    observer_ = std::move(observer);
    return ok;
  }

  bool can_move_pages() const override {
    return plan_->key_ropes.has_value() &&
           std::ranges::all_of(plan_->binder.slots,
                               [](const CacheSlotView& s) { return turns(s.dtype); });
  }

  void move_pages(std::span<const PageMove> moves, int32_t back) override {
    cpu::move_pages(plan_->binder.slots, plan_->graph.ropes, *plan_->key_ropes, moves, back, pool_,
                    plan_->workers);
  }

  void profile(bool on) override {
    profiling_ = on;
    if (!on) return;
    times_.assign(plan_->steps.size() * static_cast<size_t>(plan_->workers), {});
    profiled_ = profiled_ns_ = 0;
  }

 private:
  void describe_work(const Node& n, const Step& step, StepReport& s) const {
    const Graph& g = plan_->graph;
    s.outputs = n.rows == Rows::outputs;
    if (n.op == Op::matmul || n.op == Op::expert_matmul) {
      const MatmulArgs& a = *reinterpret_cast<const MatmulArgs*>(step.args);
      s.row_macs = a.w.ne[0] * a.w.ne[1] * (a.up ? 2 : 1);
      s.int8 = a.x.dtype != DType::f32;
      if (step.kernel->pass_rows != nullptr) s.pass_rows = step.kernel->pass_rows(&a);
      if (n.op == Op::expert_matmul) {
        s.n_expert = static_cast<int32_t>(a.w.ne[2]);
        s.n_used = g.nodes[static_cast<size_t>(n.in[1])].n_used;
      }
    }
    if (n.op == Op::attend) {
      const CacheSlotView& c = plan_->binder.slots[static_cast<size_t>(n.slot)];
      s.key_macs = int64_t{n.n_head} * (c.dk + c.dv);
      s.key_bytes = cache_page_bytes(c.dtype, c.n_head_kv, c.dk, c.dv) / kPageTokens;
      s.window = n.window;
    }
  }

  static bool multiplies(const Node& n) { return n.op == Op::matmul || n.op == Op::expert_matmul; }
  static bool steals(const Node& n) {
    return multiplies(n) || n.op == Op::attend || n.op == Op::attend_batch;
  }

  // By worker 0, before its part of the step: until it reaches the next barrier nobody overwrites
  // what the step reads.
  void show(const Step& step, const std::byte* args) const {
    const Node& n = plan_->graph.nodes[static_cast<size_t>(step.node)];
    if (!multiplies(n)) return;
    const MatmulArgs& a = *reinterpret_cast<const MatmulArgs*>(args);
    const auto name = [&](int32_t w) {
      return w < 0 ? nullptr : &plan_->graph.weights[static_cast<size_t>(w)].name;
    };
    observer_({{name(n.w[0]), name(n.w[1])}, a.x, *a.n_rows, a.experts, a.x_per_entry});
  }

  void run() {
    for (Counter& c : counters_) c.next.store(0, std::memory_order_relaxed);
    const int64_t begin = now_ns();
    if (observer_) {
      fork_join(pool_, plan_->workers, [this](const Team& team) { work<Walk::observed>(team); });
    } else if (profiling_) {
      fork_join(pool_, plan_->workers, [this](const Team& team) { work<Walk::timed>(team); });
      profiled_ns_ += now_ns() - begin;
      ++profiled_;
    } else if (plan_->state.n_rows <= kFewRows) {
      fork_join(pool_, few_.workers(), [this](const Team& team) { work<Walk::plain>(team); });
      few_.took(plan_->state.n_rows, now_ns() - begin);
    } else {
      fork_join(pool_, plan_->workers, [this](const Team& team) { work<Walk::plain>(team); });
    }
  }

  template <Walk kWalk>
  void work(const Team& team) noexcept {
    constexpr bool kTimed = kWalk == Walk::timed;
    StepTimes* times =
        kTimed ? times_.data() + plan_->steps.size() * static_cast<size_t>(team.worker) : nullptr;
    int64_t at = kTimed ? now_ns() : 0;
    const auto lap = [&at](int64_t& sum) {
      const int64_t now = now_ns();
      sum += now - at, at = now;
    };
    const bool few = plan_->state.n_rows <= kFewRows;
    Ctx ctx{plan_->scratch[static_cast<size_t>(team.worker)]};
    Counter* counters = counters_.data();
    for (const Step& step : plan_->steps) {
      const std::byte* args =
          step.args + (few ? kMaxArgsBytes * static_cast<size_t>(team.worker) : 0);
      const int64_t items = step.kernel->items(args);
      if constexpr (kWalk == Walk::observed) {
        if (team.worker == 0) show(step, args);
      }
      if (few && step.replicated) {
        if (items > 0) step.kernel->run(args, {0, items}, ctx);
      } else if (steals(plan_->graph.nodes[static_cast<size_t>(step.node)]) && team.workers > 1) {
        run_stolen(step, args, items, ctx, team, counters);
      } else if (const Range own = own_range(items, team.worker, team.workers);
                 own.begin < own.end) {
        step.kernel->run(args, own, ctx);
      }
      counters += team.workers;
      if constexpr (kTimed) lap(times->run_ns);
      if (few ? step.barrier_few : step.barrier_many) {
        team.barrier.wait();
        if constexpr (kTimed) lap(times->wait_ns);
      }
      if constexpr (kTimed) ++times;
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
  TeamSize few_;
  MatmulObserver observer_;
  bool profiling_ = false;
  int64_t profiled_ = 0, profiled_ns_ = 0;
  std::vector<StepTimes> times_;  // [worker][step]
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
