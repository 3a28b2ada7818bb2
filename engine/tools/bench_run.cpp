// The benchmark: grid to cases, measuring.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <random>

#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/run/cache_type.h"
#include "engine/run/model.h"
#include "engine/store/describe.h"
#include "engine/text/tokenizer.h"
#include "engine/tools/bench.h"
#include "engine/tools/bench_profile.h"
#include "engine/tools/synth.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

// A test's tokens do not matter to its speed; random ones keep the prefix cache out of it.
class TokenSource {
 public:
  TokenSource(const Model& model) : n_vocab_(model.info().n_vocab) {
    if (const Tokenizer* t = model.tokenizer(); t != nullptr && t->vocabulary().rules().add_bos)
      bos_ = t->ids().bos;
  }
  std::vector<Token> take(int n, bool begins) {
    std::vector<Token> tokens(static_cast<size_t>(n));
    for (Token& t : tokens) t = static_cast<Token>(random_() % static_cast<uint32_t>(n_vocab_));
    if (begins && n > 0 && bos_ >= 0) tokens[0] = bos_;
    return tokens;
  }

 private:
  std::mt19937 random_{42};
  int n_vocab_;
  Token bos_ = -1;
};

// The sequences of a test. Several of them generate together; the first one takes the prompts.
class Runner {
 public:
  Runner(Model& model, const BenchCase& test) : model_(model), test_(test), tokens_(model) {}
  ~Runner() { close(); }

  // Empty sequences, or such that hold n_depth tokens.
  Status reset() {
    const bool again = !seqs_.empty() && test_.n_depth > 0;
    if (!again) close();
    for (int i = 0; i < test_.n_parallel; ++i) {
      int left = 0;
      if (again) {
        left = model_.truncate(seqs_[static_cast<size_t>(i)], test_.n_depth);
      } else {
        const std::vector<Token> first = tokens_.take(1, false);
        ENGINE_TRY(seq, model_.open(first));
        seqs_.push_back(seq);
      }
      if (test_.n_depth > 0)
        ENGINE_TRY_STATUS(
            feed(seqs_[static_cast<size_t>(i)], tokens_.take(test_.n_depth - left, left == 0)));
    }
    passes_.clear();
    return ok;
  }

  Status prompt(int n) { return feed(seqs_[0], tokens_.take(n, test_.n_depth == 0)); }

  // n tokens of every sequence, one step for all of them at a time.
  Status generate(int n) {
    const OutputNeed need{.kind = OutputNeed::full};
    for (int i = 0; i < n; ++i) {
      const bool begins = test_.n_depth == 0 && test_.n_prompt == 0 && i == 0;
      std::vector<Token> next;
      for (size_t s = 0; s < seqs_.size(); ++s) next.push_back(tokens_.take(1, begins)[0]);
      std::vector<Model::Rows> rows;
      for (size_t s = 0; s < seqs_.size(); ++s)
        rows.push_back({seqs_[s], std::span(next).subspan(s, 1), {&need, 1}});
      ENGINE_TRY_STATUS(step(rows, static_cast<int>(rows.size())));
    }
    return ok;
  }

  // What the steps since reset() had to do, by step of the plan.
  std::vector<PassWork> work(const PlanReport& plan) const {
    std::vector<PassWork> out(plan.steps.size());
    for (const Pass& p : passes_)
      for (size_t i = 0; i < out.size(); ++i)
        out[i] += step_work(plan.steps[i], p.sequences, p.outputs);
    return out;
  }

 private:
  struct Pass {
    std::vector<SequenceRows> sequences;
    int outputs;
  };

  void close() {
    for (const Model::SeqId seq : seqs_) model_.close(seq, false);
    seqs_.clear();
  }

  // Logits of the last token of each batch, as a program that goes on with them would ask.
  Status feed(Model::SeqId seq, const std::vector<Token>& tokens) {
    const size_t most = static_cast<size_t>(
        std::max(1, std::min({model_.max_rows(), test_.n_ubatch, test_.n_batch})));
    const size_t batch = static_cast<size_t>(test_.n_batch);
    for (size_t at = 0; at < tokens.size();) {
      const size_t batch_end = std::min(tokens.size(), (at / batch + 1) * batch);
      const size_t n = std::min(most, batch_end - at);
      needs_.assign(n, OutputNeed{});
      if (at + n == batch_end) needs_.back().kind = OutputNeed::full;
      const Model::Rows rows{seq, std::span(tokens).subspan(at, n), needs_};
      ENGINE_TRY_STATUS(step({&rows, 1}, at + n == batch_end ? 1 : 0));
      at += n;
    }
    return ok;
  }

  Status step(std::span<const Model::Rows> rows, int outputs) {
    Pass pass{{}, outputs};
    for (const Model::Rows& r : rows)
      pass.sequences.push_back({model_.past(r.seq), static_cast<int>(r.tokens.size())});
    passes_.push_back(std::move(pass));
    ENGINE_TRY(out, model_.step(rows));
    (void)out;
    return ok;
  }

  Model& model_;
  const BenchCase& test_;
  TokenSource tokens_;
  std::vector<Model::SeqId> seqs_;
  std::vector<OutputNeed> needs_;
  std::vector<Pass> passes_;
};

std::vector<BenchCase> cases_of(const BenchGrid& g) {
  std::vector<BenchCase> out;
  for (const BenchModel& model : g.models)
    for (const int batch : g.n_batch)
      for (const int ubatch : g.n_ubatch)
        for (const std::string& kv : g.kv_types)
          for (const int threads : g.n_threads)
            for (const int depth : g.n_depth) {
              const BenchCase base{model, 0, 0, depth, batch, ubatch, threads, kv, 1};
              const auto add = [&](int prompt, int gen, int parallel) {
                if (prompt + gen == 0) return;
                BenchCase c = base;
                c.n_prompt = prompt, c.n_gen = gen, c.n_parallel = parallel;
                out.push_back(c);
              };
              for (const int n : g.n_prompt) add(n, 0, 1);
              for (const int n : g.n_gen)
                for (const int parallel : g.n_parallel) add(0, n, parallel);
              for (const auto& [prompt, gen] : g.prompt_gen) add(prompt, gen, 1);
            }
  return out;
}

bool same_load(const BenchCase& a, const BenchCase& b) {
  return a.model.path == b.model.path && a.model.synth == b.model.synth &&
         a.model.adapters == b.model.adapters && a.n_ubatch == b.n_ubatch &&
         a.kv_type == b.kv_type && a.n_threads == b.n_threads;
}

void describe_model(const Model& model, BenchRow& row) {
  const ModelInfo& info = model.info();
  std::string file_type = info.file_type;
  row.model_size = static_cast<int64_t>(info.weight_bytes);
  row.n_params = info.n_params;
  int n_expert = 0;
  if (const gguf::File* file = model.file()) {
    const GgufFacts facts = describe(*file);
    file_type = facts.file_type_long;
    row.model_size = facts.tensor_bytes;
    row.n_params = facts.n_params;
    if (const auto n = file->u32(info.architecture + ".expert_count", 0))
      n_expert = static_cast<int>(*n);
  }
  row.bytes_per_token = static_cast<int64_t>(info.weight_bytes);
  row.model_type = fmt::format(
      "{} {} {}", info.architecture,
      model_size_label(info.architecture, info.n_layer, info.n_embd, info.n_vocab, n_expert),
      file_type);
}

Status check_fits(const Model& model, const BenchCase& test) {
  const int need = test.n_prompt + test.n_gen + test.n_depth;
  if (need > model.info().n_ctx)
    return Error{Errc::invalid_argument, fmt::format("{} tokens do not fit into the context of {}",
                                                     need, model.info().n_ctx)};
  if (test.n_parallel > std::min(model.max_rows(), model.max_outputs()))
    return Error{
        Errc::invalid_argument,
        fmt::format("{} sequences do not fit into a step of {} tokens: give a larger -ub and -b",
                    test.n_parallel, model.max_rows())};
  return ok;
}

Result<BenchRow> measure(Model& model, const BenchCase& test, const BenchGrid& grid,
                         const std::function<void(std::string_view)>& progress) {
  BenchRow row;
  row.test = test;
  describe_model(model, row);
  row.test_time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  ENGINE_TRY_STATUS(check_fits(model, test));
  Runner runner(model, test);
  if (grid.warmup) {
    ENGINE_TRY_STATUS(runner.reset());
    if (test.n_prompt > 0) {
      progress("warmup prompt run");
      ENGINE_TRY_STATUS(runner.prompt(test.n_prompt));
    }
    if (test.n_gen > 0) {
      progress("warmup generation run");
      ENGINE_TRY_STATUS(runner.generate(1));
    }
  }
  for (int r = 0; r < grid.repetitions; ++r) {
    if (test.n_depth > 0) progress(fmt::format("depth run {}/{}", r + 1, grid.repetitions));
    ENGINE_TRY_STATUS(runner.reset());
    if (test.n_prompt > 0) progress(fmt::format("prompt run {}/{}", r + 1, grid.repetitions));
    if (test.n_gen > 0) progress(fmt::format("generation run {}/{}", r + 1, grid.repetitions));
    if (grid.profile && r + 1 == grid.repetitions) model.profile(true);
    const auto start = Clock::now();
    if (test.n_prompt > 0) ENGINE_TRY_STATUS(runner.prompt(test.n_prompt));
    if (test.n_gen > 0) ENGINE_TRY_STATUS(runner.generate(test.n_gen));
    row.samples_ns.push_back(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  }
  const PlanReport plan = model.plan();
  const std::vector<PassWork> work = runner.work(plan);
  for (const PassWork& w : work) row.work += w;
  if (grid.profile) {
    row.profile = profile_table(plan, work);
    model.profile(false);
  }
  return row;
}

// The peaks of a number of threads are measured once. Bandwidth is measured before every test: that
// of a rented machine changes while its neighbours or its cores do.
class RoofTable {
 public:
  explicit RoofTable(ThreadPool& pool) : pool_(pool) {}
  Result<roofs::Roofs> of(int workers) {
    if (!table_.contains(workers)) {
      ENGINE_TRY(features, cap_features(cpu_features(), env(Env::ENGINE_ISA)));
      table_[workers] = roofs::measure_peaks(pool_, workers, features);
    }
    roofs::Roofs r = table_[workers];
    ENGINE_TRY(read, roofs::measure_read(pool_, workers));
    r.read_gb_s = read;
    return r;
  }

 private:
  ThreadPool& pool_;
  std::map<int, roofs::Roofs> table_;
};

}  // namespace

Status run_bench(const BenchGrid& grid, ThreadPool& pool,
                 const std::function<void(const BenchRow&)>& on_row,
                 const BenchProgress& progress) {
  const std::vector<BenchCase> cases = cases_of(grid);
  int longest = 0, parallel = 1;
  for (const BenchCase& c : cases) {
    longest = std::max(longest, c.n_prompt + c.n_gen + c.n_depth);
    parallel = std::max(parallel, c.n_parallel);
  }
  RoofTable roof_table(pool);
  std::unique_ptr<Model> model;
  for (size_t i = 0; i < cases.size(); ++i) {
    const BenchCase& test = cases[i];
    const auto say = [&](std::string_view what) {
      if (progress) progress(static_cast<int>(i) + 1, static_cast<int>(cases.size()), what);
    };
    say("starting");
    roofs::Roofs roof;
    if (grid.roofs) {
      ENGINE_TRY(measured, roof_table.of(test.n_threads));
      roof = measured;
    }
    if (!model || !same_load(test, cases[i - 1])) {
      model.reset();  // before the next one is loaded: both may not fit
      LoadOptions options;
      options.n_ctx = longest;
      options.n_sequences = parallel;
      options.max_rows = std::min(test.n_ubatch, test.n_batch);
      options.max_outputs = std::max(options.max_outputs, parallel);
      options.threads = test.n_threads;
      options.map = grid.map, options.repack = grid.repack;
      options.adapters = test.model.adapters;
      options.shards = test.model.shards;
      options.kv_type = cache_type(test.kv_type).value_or(DType::f16);
      auto loaded = test.model.synth.empty() ? Model::load(test.model.path, options, pool)
                                             : load_synth(test.model.synth, options, pool);
      if (!loaded) return loaded.error();
      model = std::move(*loaded);
    }
    ENGINE_TRY(row, measure(*model, test, grid, say));
    row.roofs = roof;
    on_row(row);
  }
  return ok;
}

}  // namespace engine
