// bench_kernels: every kernel of the registry that this machine can run, on the shapes of a model,
// checked against its scalar twin before it is timed.
//   bench_kernels [--shape=smollm2-135m] [--threads=1] --benchmark_filter='matmul/q4_1/avx2'
// Names are ids as in kernels.inc, then the shape. What a step of a model reads from memory
// (weights and keys while generating) is cold: calls walk through copies of four times the
// last-level cache. %read, %peak: of the read bandwidth and of the fastest chain of the kernel's
// instructions, measured at the start with the same number of threads.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "bench/baselines/eigen.h"
#include "bench/case.h"
#include "engine/core/cpu_info.h"
#include "engine/roofs/roofs.h"

namespace engine::bench {
namespace {

struct Setup {
  std::string shape = "smollm2-135m";
  int threads = 1;
  std::unique_ptr<ThreadPool> pool;
  double read_gb_s = 0;

  const roofs::Roofs& peaks(uint64_t features) {
    auto [at, fresh] = by_features_.try_emplace(features);
    if (fresh) at->second = roofs::measure_peaks(*pool, threads, features, 0.1);
    return at->second;
  }

 private:
  std::map<uint64_t, roofs::Roofs> by_features_;
};

// Distance from the scalar twin, relative to the norm of its result; empty: fine.
std::string check(const CpuKernel& kernel, const NamedCase& named, Case& timed) {
  const CpuKernel* scalar = scalar_of(kernel.op, kernel.w, kernel.x);
  if (scalar == nullptr) return "no scalar twin";
  const int rows = std::min(timed.rows, 2);  // a row's result does not depend on the others
  run_whole(kernel, timed.args);
  const std::vector<float> got = timed.result(rows);
  const std::unique_ptr<Case> twin = named.make(*scalar, false);
  twin->use_rows(rows);
  run_whole(*scalar, twin->args);
  const std::vector<float> want = twin->result(rows);
  if (got.size() != want.size()) return "another number of results than the scalar kernel";
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = static_cast<double>(got[i]) - static_cast<double>(want[i]);
    difference += d * d, norm += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  if (std::sqrt(difference) <= timed.tolerance * std::sqrt(norm)) return "";
  return fmt::format("differs from the scalar kernel by {:.2g} of its norm",
                     std::sqrt(difference / norm));
}

void run(benchmark::State& state, const CpuKernel* kernel, const NamedCase* named, Setup* setup) {
  const std::unique_ptr<Case> c = named->make(*kernel, true);
  if (kernel->accepts != nullptr && !kernel->accepts(c->args))
    return state.SkipWithError("this kernel does not take the shape");
  if (const std::string wrong = check(*kernel, *named, *c); !wrong.empty())
    return state.SkipWithError(wrong.c_str());
  c->use_rows(c->rows);
  const size_t scratch = align_up(kernel->scratch ? kernel->scratch(c->args) + 64 : 64, 4096);
  std::byte* scratches = c->memory(scratch * static_cast<size_t>(setup->threads));
  size_t copy = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (auto _ : state) {
    if (c->use_copy) c->use_copy(copy++ % c->copies);
    const int64_t items = kernel->items(c->args);
    fork_join(*setup->pool, setup->threads, [&](const Team& t) {
      cpu::Ctx ctx{scratches + scratch * static_cast<size_t>(t.worker)};
      const Range own{items * t.worker / t.workers, items * (t.worker + 1) / t.workers};
      if (own.begin < own.end) kernel->run(c->args, own, ctx);
    });
    benchmark::ClobberMemory();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double calls = static_cast<double>(state.iterations());
  const auto rate = [&](const char* name, double units) {
    if (units > 0) state.counters[name] = units * calls / seconds;
  };
  rate("GB/s", c->bytes / 1e9);
  rate("GMAC/s", c->macs / 1e9);
  if (c->copies > 1) rate("%read", 100 * c->bytes / 1e9 / setup->read_gb_s);
  const roofs::Roofs& r = setup->peaks(kernel->needs);
  rate("%peak", 100 * c->macs / 1e9 / (c->int8 ? r.int8_gmac_s : r.f32_gmac_s));
}

void eigen(benchmark::State& state, Matrix s) {
  const size_t k = static_cast<size_t>(s.k), out = static_cast<size_t>(s.out),
               n = static_cast<size_t>(s.n);
  std::vector<float> w(k * out, 0.5f), x(k * n, 0.25f), y(out * n);
  for (auto _ : state) {
    eigen_matmul(w.data(), x.data(), y.data(), s.k, s.out, s.n);
    benchmark::ClobberMemory();
  }
  state.counters["GMAC/s"] = benchmark::Counter(
      static_cast<double>(k * out * n) * static_cast<double>(state.iterations()) / 1e9,
      benchmark::Counter::kIsRate);
}

// The cases live as long as the program: benchmarks keep pointers.
void register_all(Setup& setup, std::vector<std::vector<NamedCase>>& cases) {
  const ModelShape shape = read_shape(setup.shape);
  for (const Matrix& m : shape.matrices)
    benchmark::RegisterBenchmark(fmt::format("eigen/f32/k:{}/out:{}/n:{}", m.k, m.out, m.n).c_str(),
                                 eigen, m)
        ->Unit(benchmark::kMicrosecond);
  for (const CpuKernel* k : cpu::all_kernels()) {
    if ((k->needs & ~cpu_features()) != 0) continue;
    std::vector<NamedCase> mine;
    for (const auto make : {matrix_cases, row_cases, attention_cases, choice_cases})
      for (NamedCase& c : make(*k, shape)) mine.push_back(std::move(c));
    cases.push_back(std::move(mine));
    for (const NamedCase& c : cases.back())
      benchmark::RegisterBenchmark(fmt::format("{}/{}", k->id, c.shape).c_str(), run, k, &c, &setup)
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime();
  }
}

// Takes --NAME=VALUE out of the arguments.
std::string take_flag(int& argc, char** argv, const char* name, std::string value) {
  const std::string prefix = fmt::format("--{}=", name);
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0)
      value = argv[i] + prefix.size();
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
  return value;
}

int run_main(int argc, char** argv) {
  Setup setup;
  setup.shape = take_flag(argc, argv, "shape", setup.shape);
  setup.threads = std::max(1, std::atoi(take_flag(argc, argv, "threads", "1").c_str()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  setup.pool = make_native_pool(setup.threads);
  const auto read = roofs::measure_read(*setup.pool, setup.threads);
  if (!read) return fmt::print(stderr, "{}\n", read.error().message), 1;
  setup.read_gb_s = *read;
  const roofs::Roofs& peaks = setup.peaks(cpu_features());
  benchmark::AddCustomContext("cpu", cpu_model_name());
  benchmark::AddCustomContext("features", feature_names(cpu_features()));
  benchmark::AddCustomContext(
      "roofs", fmt::format("{} threads: read {:.1f} GB/s, int8 {:.0f} GMAC/s, f32 {:.0f} GMAC/s",
                           setup.threads, *read, peaks.int8_gmac_s, peaks.f32_gmac_s));
  std::vector<std::vector<NamedCase>> cases;
  cases.reserve(cpu::all_kernels().size());
  register_all(setup, cases);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace engine::bench

int main(int argc, char** argv) {
  return engine::bench::run_main(argc, argv);
}
