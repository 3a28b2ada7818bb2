// bench_alu: peaks of the multiply chains that the kernels are made of,
// the roof of prompt processing.
//   bench_alu [MAX_THREADS]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/core/cpu_info.h"
#include "engine/roofs/roofs.h"

int main(int argc, char** argv) {
  using namespace engine;
  const int max_threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : usable_cores();
  fmt::print("{}, {}\n{:<26}", cpu_model_name(), feature_names(cpu_features()), "GMAC/s, threads:");
  for (int n = 1; n <= max_threads; ++n) fmt::print(" {:>8}", n);
  fmt::print("\n");
  const auto pool = make_native_pool(max_threads);
  for (const roofs::Chain* c : roofs::all_chains()) {
    if ((c->needs & ~cpu_features()) != 0) continue;
    fmt::print("{:<26}", c->name);
    for (int n = 1; n <= max_threads; ++n)
      fmt::print(" {:>8.1f}", roofs::chain_speed(*c, *pool, n, 0.5));
    fmt::print("\n");
  }
}
