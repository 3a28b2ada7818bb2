// bench_levels: the six levels of one kernel, checked against level 1, then timed: one column with
// cold weights (generation), 64 columns (prompts).
//   bench_levels [--check]      --check: a small matrix, no timing; the exit code tells
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "bench/levels/level.h"
#include "engine/core/cpu_info.h"
#include "engine/core/half.h"
#include "engine/roofs/roofs.h"

namespace engine::bench {
namespace {

const Level* const kLevels[] = {&level_1,
#if defined(__x86_64__)
                                &level_2, &level_3, &level_4,
                                &level_5, &level_6
#endif
};

struct Data {
  Data(int64_t k, int64_t out, int64_t n) : k(k), out(out), n(n) {
    std::mt19937 rng(1);
    w.resize(static_cast<size_t>(out * k / kBlock * kBlockBytes));
    for (std::byte& b : w) b = static_cast<std::byte>(rng());
    for (size_t at = 0; at < w.size(); at += kBlockBytes) {
      const uint16_t scales[2] = {float_to_half(0.01f + 1e-4f * static_cast<float>(rng() % 100)),
                                  float_to_half(-0.08f)};
      std::memcpy(w.data() + at, scales, 4);
    }
    stride = (k + k / kBlock * 8 + 63) / 64 * 64;
    x.resize(static_cast<size_t>(stride * n));
    for (int64_t c = 0; c < n; ++c) {
      int8_t* q = reinterpret_cast<int8_t*>(x.data() + c * stride);
      float* d = reinterpret_cast<float*>(x.data() + c * stride + k);
      for (int64_t i = 0; i < k; ++i)
        q[i] = static_cast<int8_t>(static_cast<int>(rng() % 255) - 127);
      for (int64_t b = 0; b < k / kBlock; ++b) {
        int sum = 0;
        for (int64_t i = 0; i < kBlock; ++i) sum += q[b * kBlock + i];
        d[b] = 0.01f, d[k / kBlock + b] = 0.01f * static_cast<float>(sum);
      }
    }
    y.resize(static_cast<size_t>(out * n));
  }

  // Panels of `rows` rows, as level 5 draws them.
  std::vector<std::byte> packed(int64_t rows) const {
    std::vector<std::byte> p(w.size());
    const int64_t blocks = k / kBlock;
    for (int64_t r = 0; r < out; ++r) {
      for (int64_t b = 0; b < blocks; ++b) {
        const std::byte* from = w.data() + (r * blocks + b) * kBlockBytes;
        std::byte* to = p.data() + (r / rows * blocks + b) * rows * kBlockBytes;
        std::memcpy(to + 2 * (r % rows), from, 2);
        std::memcpy(to + 2 * rows + 2 * (r % rows), from + 2, 2);
        for (int64_t g = 0; g < 4; ++g)
          std::memcpy(to + 4 * rows + g * 4 * rows + 4 * (r % rows), from + 4 + 4 * g, 4);
      }
    }
    return p;
  }
  Problem problem(const std::byte* weights) {
    return {k, out, n, weights, x.data(), stride, y.data()};
  }

  int64_t k, out, n, stride = 0;
  std::vector<std::byte> w, x;
  std::vector<float> y;
};

bool usable(const Level& level) {
  return (level.needs & ~cpu_features()) == 0;
}

bool check(int64_t k, int64_t out, int64_t n) {
  Data data(k, out, n);
  level_1.run(data.problem(data.w.data()));
  const std::vector<float> want = data.y;
  bool fine = true;
  for (const Level* level : kLevels) {
    if (!usable(*level)) continue;
    const std::vector<std::byte> w = level->panel_rows ? data.packed(level->panel_rows) : data.w;
    std::fill(data.y.begin(), data.y.end(), -1.0f);
    level->run(data.problem(w.data()));
    double difference = 0, norm = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      difference += std::pow(static_cast<double>(data.y[i] - want[i]), 2);
      norm += std::pow(static_cast<double>(want[i]), 2);
    }
    if (std::sqrt(difference) <= 1e-5 * std::sqrt(norm)) continue;
    fmt::print("level {}: differs from level 1 by {:.2g} of its norm\n", level->name,
               std::sqrt(difference / norm));
    fine = false;
  }
  return fine;
}

// Seconds of a call, median of at least five; calls walk through copies of the weights.
double seconds_of(const Level& level, Data& data, int64_t copies) {
  const std::vector<std::byte> one = level.panel_rows ? data.packed(level.panel_rows) : data.w;
  std::vector<std::byte> all;
  for (int64_t i = 0; i < copies; ++i) all.insert(all.end(), one.begin(), one.end());
  std::vector<double> runs;
  const auto start = std::chrono::steady_clock::now();
  const auto since = [](auto t) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
  };
  for (size_t i = 0; runs.size() < 5 || since(start) < 0.4; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    level.run(data.problem(all.data() + i % static_cast<size_t>(copies) * one.size()));
    runs.push_back(since(begin));
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

int run() {
  constexpr int64_t kK = 2048, kOut = 2048, kColumns = 64;
  const auto pool = make_native_pool(1);
  const auto read = roofs::measure_read(*pool, 1);
  if (!read) return fmt::print(stderr, "{}\n", read.error().message), 1;
  const roofs::Roofs roof = roofs::measure_peaks(*pool, 1, cpu_features());
  fmt::print("{}, one thread; roofs: read {:.1f} GB/s, int8 {:.0f} GMAC/s ({})\nQ4_1, {} x {}\n\n",
             cpu_model_name(), *read, roof.int8_gmac_s, roof.int8_chain, kK, kOut);
  fmt::print(
      "| Level | Idea | 1 column: GB/s | % of read | GMAC/s | {} columns: GMAC/s | % of int8 peak "
      "|\n"
      "|---|---|---:|---:|---:|---:|---:|\n",
      kColumns);
  const double bytes = static_cast<double>(kK / kBlock * kBlockBytes * kOut);
  const double macs = static_cast<double>(kK * kOut);
  const long llc = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const int64_t copies =
      static_cast<int64_t>(4.0 * static_cast<double>(llc > 0 ? llc : 32 << 20) / bytes) + 1;
  Data one(kK, kOut, 1), many(kK, kOut, kColumns);
  for (const Level* level : kLevels) {
    if (!usable(*level)) continue;
    const double cold = seconds_of(*level, one, copies), wide = seconds_of(*level, many, 1);
    fmt::print("| {} | {} | {:.1f} | {:.0f} % | {:.1f} | {:.1f} | {:.0f} % |\n", level->name,
               level->idea, bytes / cold / 1e9, 100 * bytes / cold / 1e9 / *read, macs / cold / 1e9,
               macs * kColumns / wide / 1e9, 100 * macs * kColumns / wide / 1e9 / roof.int8_gmac_s);
  }
  return 0;
}

}  // namespace
}  // namespace engine::bench

int main(int argc, char** argv) {
  using namespace engine::bench;
  if (!check(256, 32, 1) || !check(96, 48, 13)) return 1;
  return argc > 1 && std::strcmp(argv[1], "--check") == 0 ? 0 : run();
}
