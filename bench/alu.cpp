// bench_alu: peaks of the multiply chains that the kernels are made of, the roof of prompt
// processing.
//   bench_alu [MAX_THREADS]
#include "bench/alu.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "engine/core/cpu_info.h"
#include "engine/core/thread_pool.h"

namespace engine::bench {
namespace {

constexpr int kRuns = 7;
constexpr int64_t kRounds = 2'000'000;

double gigamacs(const Chain& chain, ThreadPool& pool) {
  std::vector<double> runs;
  for (int r = 0; r <= kRuns; ++r) {
    std::vector<int64_t> done(static_cast<size_t>(pool.size()) * 8);
    const auto begin = std::chrono::steady_clock::now();
    fork_join(pool, pool.size(), [&](const Team& t) {
      float sink[8];
      done[static_cast<size_t>(t.worker) * 8] = chain.run(kRounds, sink);
    });
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    int64_t macs = 0;
    for (int64_t d : done) macs += d;
    if (r > 0) runs.push_back(static_cast<double>(macs) / s / 1e9);
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

void run(int max_threads) {
  fmt::print("{}, {}\n{:<26}", cpu_model_name(), feature_names(cpu_features()), "GMAC/s, threads:");
  for (int n = 1; n <= max_threads; ++n) fmt::print(" {:>8}", n);
  fmt::print("\n");
  const Chain* chains[] = {
#if defined(__x86_64__)
    &chain_fma_avx2,
    &chain_maddubs1_avx2,
    &chain_maddubs8_avx2,
    &chain_fma_avx512,
    &chain_vpdpbusd_avx512,
#endif
  };
  for (const Chain* c : chains) {
    if ((c->needs & ~cpu_features()) != 0) continue;
    fmt::print("{:<26}", c->name);
    for (int n = 1; n <= max_threads; ++n)
      fmt::print(" {:>8.1f}", gigamacs(*c, *make_native_pool(n)));
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace engine::bench

int main(int argc, char** argv) {
  engine::bench::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : engine::usable_cores());
}
