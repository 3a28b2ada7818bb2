// bench_memory: read bandwidth of the machine, the roof of decoding: every thread reads its own
// part of 1 GiB, front to back.
//   bench_memory [MAX_THREADS]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/core/cpu_info.h"
#include "engine/roofs/roofs.h"

int main(int argc, char** argv) {
  using namespace engine;
  constexpr size_t kBytes = size_t{1} << 30;
  const int max_threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : usable_cores();
  fmt::print("{}, {}\n", cpu_model_name(), feature_names(cpu_features()));
  fmt::print("{:>8} {:>12} {:>20}\n", "threads", "GB/s", "GB/s, huge pages");
  const auto pool = make_native_pool(max_threads);
  for (int n = 1; n <= max_threads; ++n) {
    double figure[2];
    for (const bool huge : {false, true}) {
      auto memory = Buffer::allocate(kBytes, huge);
      if (!memory) return fmt::print(stderr, "{}\n", memory.error().message), 1;
      roofs::touch(*memory);
      figure[huge] = roofs::read_speed(*pool, n, *memory, 0.5);
    }
    fmt::print("{:>8} {:>12.1f} {:>20.1f}\n", n, figure[0], figure[1]);
  }
}
