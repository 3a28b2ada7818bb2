// The benchmark: grid to cases, measuring, statistics.
#include "engine/tools/bench.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>
#include <random>

#include "engine/run/model.h"
#include "engine/store/describe.h"
#include "engine/text/tokenizer.h"
#include "engine/tools/synth.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

struct SizeLabel {
  std::string_view arch;
  int n_layer, n_embd;
  const char* label;
};
constexpr SizeLabel kSizes[] = {
#define MODEL_SIZE(arch, n_layer, n_embd, label) {arch, n_layer, n_embd, label},
#include "engine/tools/model_sizes.inc"
};

double mean(const std::vector<double>& v) {
  return v.empty() ? 0 : std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

double stddev(const std::vector<double>& v) {
  if (v.size() < 2) return 0;
  const double m = mean(v);
  double squares = 0;
  for (const double x : v) squares += x * x;
  const double n = static_cast<double>(v.size());
  return std::sqrt(std::max(0.0, squares / (n - 1) - m * m * n / (n - 1)));
}

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

class Runner {
 public:
  Runner(Model& model, const BenchCase& test) : model_(model), test_(test), tokens_(model) {}
  ~Runner() {
    if (open_) model_.close(seq_, false);
  }

  // An empty sequence, or one that holds n_depth tokens.
  Status reset() {
    if (open_ && test_.n_depth > 0) {
      const int left = model_.truncate(seq_, test_.n_depth);
      return feed(tokens_.take(test_.n_depth - left, left == 0));
    }
    if (open_) model_.close(seq_, false);
    open_ = false;
    const std::vector<Token> first = tokens_.take(1, false);
    ENGINE_TRY(seq, model_.open(first));
    seq_ = seq;
    open_ = true;
    return test_.n_depth > 0 ? feed(tokens_.take(test_.n_depth, true)) : Status(ok);
  }
  Status prompt(int n) { return feed(tokens_.take(n, test_.n_depth == 0)); }
  Status generate(int n) {
    for (int i = 0; i < n; ++i)
      ENGINE_TRY_STATUS(feed(tokens_.take(1, test_.n_depth == 0 && test_.n_prompt == 0 && i == 0)));
    return ok;
  }

 private:
  // Logits of the last token of each batch, as a program that goes on with them would ask.
  Status feed(const std::vector<Token>& tokens) {
    const size_t step = static_cast<size_t>(
        std::max(1, std::min({model_.max_rows(), test_.n_ubatch, test_.n_batch})));
    const size_t batch = static_cast<size_t>(test_.n_batch);
    for (size_t at = 0; at < tokens.size();) {
      const size_t batch_end = std::min(tokens.size(), (at / batch + 1) * batch);
      const size_t n = std::min(step, batch_end - at);
      needs_.assign(n, OutputNeed{});
      if (at + n == batch_end) needs_.back().kind = OutputNeed::full;
      const Model::Rows rows{seq_, std::span(tokens).subspan(at, n), needs_};
      ENGINE_TRY(outputs, model_.step({&rows, 1}));
      (void)outputs;
      at += n;
    }
    return ok;
  }

  Model& model_;
  const BenchCase& test_;
  TokenSource tokens_;
  Model::SeqId seq_ = -1;
  bool open_ = false;
  std::vector<OutputNeed> needs_;
};

std::vector<BenchCase> cases_of(const BenchGrid& g) {
  std::vector<BenchCase> out;
  for (const BenchModel& model : g.models)
    for (const int batch : g.n_batch)
      for (const int ubatch : g.n_ubatch)
        for (const std::string& kv : g.kv_types)
          for (const int threads : g.n_threads)
            for (const int depth : g.n_depth) {
              const BenchCase base{model, 0, 0, depth, batch, ubatch, threads, kv};
              const auto add = [&](int prompt, int gen) {
                if (prompt + gen == 0) return;
                BenchCase c = base;
                c.n_prompt = prompt, c.n_gen = gen;
                out.push_back(c);
              };
              for (const int n : g.n_prompt) add(n, 0);
              for (const int n : g.n_gen) add(0, n);
              for (const auto& [prompt, gen] : g.prompt_gen) add(prompt, gen);
            }
  return out;
}

bool same_load(const BenchCase& a, const BenchCase& b) {
  return a.model.path == b.model.path && a.model.synth == b.model.synth &&
         a.n_ubatch == b.n_ubatch && a.kv_type == b.kv_type && a.n_threads == b.n_threads;
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

Result<BenchRow> measure(Model& model, const BenchCase& test, const BenchGrid& grid,
                         const std::function<void(std::string_view)>& progress) {
  BenchRow row;
  row.test = test;
  describe_model(model, row);
  row.test_time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  const int need = test.n_prompt + test.n_gen + test.n_depth;
  if (need > model.info().n_ctx) {
    return Error{Errc::invalid_argument, fmt::format("{} tokens do not fit into the context of {}",
                                                     need, model.info().n_ctx)};
  }
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
    const auto start = Clock::now();
    if (test.n_prompt > 0) ENGINE_TRY_STATUS(runner.prompt(test.n_prompt));
    if (test.n_gen > 0) ENGINE_TRY_STATUS(runner.generate(test.n_gen));
    row.samples_ns.push_back(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  }
  return row;
}

}  // namespace

std::vector<double> BenchRow::samples_ts() const {
  std::vector<double> out;
  for (const int64_t ns : samples_ns)
    out.push_back(1e9 * (test.n_prompt + test.n_gen) /
                  static_cast<double>(std::max<int64_t>(ns, 1)));
  return out;
}
double BenchRow::avg_ns() const {
  return mean({samples_ns.begin(), samples_ns.end()});
}
double BenchRow::stddev_ns() const {
  return stddev({samples_ns.begin(), samples_ns.end()});
}
double BenchRow::avg_ts() const {
  return mean(samples_ts());
}
double BenchRow::stddev_ts() const {
  return stddev(samples_ts());
}

std::string BenchRow::test_name() const {
  std::string s;
  if (test.n_prompt > 0) s = fmt::format("pp{}", test.n_prompt);
  if (test.n_gen > 0) s += fmt::format("{}tg{}", s.empty() ? "" : "+", test.n_gen);
  if (test.n_depth > 0) s += fmt::format(" @ d{}", test.n_depth);
  return s;
}

double BenchRow::gb_per_s() const {
  return test.n_prompt > 0 ? 0 : avg_ts() * static_cast<double>(bytes_per_token) / 1e9;
}

Status run_bench(const BenchGrid& grid, ThreadPool& pool,
                 const std::function<void(const BenchRow&)>& on_row,
                 const BenchProgress& progress) {
  const std::vector<BenchCase> cases = cases_of(grid);
  int longest = 0;
  for (const BenchCase& c : cases) longest = std::max(longest, c.n_prompt + c.n_gen + c.n_depth);
  std::unique_ptr<Model> model;
  for (size_t i = 0; i < cases.size(); ++i) {
    const BenchCase& test = cases[i];
    const auto say = [&](std::string_view what) {
      if (progress) progress(static_cast<int>(i) + 1, static_cast<int>(cases.size()), what);
    };
    say("starting");
    if (!model || !same_load(test, cases[i - 1])) {
      model.reset();  // before the next one is loaded: both may not fit
      LoadOptions options;
      options.n_ctx = longest;
      options.max_rows = std::min(test.n_ubatch, test.n_batch);
      options.threads = test.n_threads;
      options.kv_type = test.kv_type == "q8_0" ? DType::q8_0 : DType::f16;
      auto loaded = test.model.synth.empty() ? Model::load(test.model.path, options, pool)
                                             : load_synth(test.model.synth, options, pool);
      if (!loaded) return loaded.error();
      model = std::move(*loaded);
    }
    ENGINE_TRY(row, measure(*model, test, grid, say));
    on_row(row);
  }
  return ok;
}

std::string model_size_label(std::string_view arch, int n_layer, int n_embd, int n_vocab,
                             int n_expert) {
  if (arch == "llama" && n_expert == 8)
    return n_layer == 32 ? "8x7B" : n_layer == 56 ? "8x22B" : "?B";
  if (arch == "llama" && n_layer == 32)
    return n_vocab == 49152 ? "3B" : n_vocab < 40000 ? "7B" : "8B";
  for (const SizeLabel& s : kSizes) {
    if (s.arch == arch && s.n_layer == n_layer && (s.n_embd == 0 || s.n_embd == n_embd))
      return s.label;
  }
  return "?B";
}

Status parse_bench_ints(std::string_view text, std::vector<int>& out) {
  const Error bad{
      Errc::invalid_argument,
      fmt::format("not a list of numbers: \"{}\" (like 512, 1,2,8, 1-4, 128-512+128 or 1-64*2)",
                  text)};
  const auto number = [](std::string_view& s, int& value) {
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
    if (code != std::errc() || value < 0) return false;
    s.remove_prefix(static_cast<size_t>(end - s.data()));
    return true;
  };
  while (true) {
    int first = 0, last = 0, amount = 1;
    char how = '+';
    if (!number(text, first)) return bad;
    last = first;
    if (!text.empty() && text.front() == '-') {
      text.remove_prefix(1);
      if (!number(text, last) || last < first) return bad;
      if (!text.empty() && (text.front() == '+' || text.front() == '*')) {
        how = text.front();
        text.remove_prefix(1);
        if (!number(text, amount) || amount < (how == '*' ? 2 : 1) || (how == '*' && first == 0))
          return bad;
      }
    }
    for (int64_t v = first; v <= last; v = how == '+' ? v + amount : v * amount) {
      if (out.size() > 10000) return bad;
      out.push_back(static_cast<int>(v));
    }
    if (text.empty()) return ok;
    if (text.front() != ',') return bad;
    text.remove_prefix(1);
  }
}

}  // namespace engine
