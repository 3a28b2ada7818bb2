// bench_memory: read bandwidth of the machine, the roof of decoding: every thread reads its own
// part of 1 GiB, front to back.
//   bench_memory [MAX_THREADS]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/core/arena.h"
#include "engine/core/cpu_info.h"
#include "engine/core/thread_pool.h"

namespace engine {
namespace {

constexpr size_t kBytes = size_t{1} << 30;
constexpr int kRuns = 7;

// A sum that cannot be left out, eight chains wide.
uint64_t read_all(const uint64_t* p, size_t n) {
  uint64_t s[8] = {};
  for (size_t i = 0; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; ++j) s[j] += p[i + j];
  uint64_t sum = 0;
  for (uint64_t v : s) sum += v;
  return sum;
}

double gigabytes_per_second(ThreadPool& pool, const Buffer& memory) {
  std::vector<double> runs;
  volatile uint64_t sink = 0;
  for (int r = 0; r <= kRuns; ++r) {
    const auto begin = std::chrono::steady_clock::now();
    fork_join(pool, pool.size(), [&](const Team& t) {
      const size_t words = kBytes / 8 / static_cast<size_t>(t.workers);
      sink = sink + read_all(reinterpret_cast<const uint64_t*>(memory.data()) +
                                 words * static_cast<size_t>(t.worker),
                             words);
    });
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (r > 0) runs.push_back(static_cast<double>(kBytes) / s / 1e9);  // the first is the warm-up
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

int run(int max_threads) {
  fmt::print("{}, {}\n", cpu_model_name(), feature_names(cpu_features()));
  fmt::print("{:>8} {:>12} {:>20}\n", "threads", "GB/s", "GB/s, huge pages");
  for (int n = 1; n <= max_threads; ++n) {
    auto pool = make_native_pool(n);
    double figure[2];
    for (const bool huge : {false, true}) {
      auto memory = Buffer::allocate(kBytes, huge);
      if (!memory) return fmt::print(stderr, "{}\n", memory.error().message), 1;
      std::memset(memory->data(), 1, kBytes);
      figure[huge] = gigabytes_per_second(*pool, *memory);
    }
    fmt::print("{:>8} {:>12.1f} {:>20.1f}\n", n, figure[0], figure[1]);
  }
  return 0;
}

}  // namespace
}  // namespace engine

int main(int argc, char** argv) {
  return engine::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : engine::usable_cores());
}
