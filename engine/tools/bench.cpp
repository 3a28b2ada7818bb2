// Rows of the benchmark: statistics, names, lists of numbers.
#include "engine/tools/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

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

}  // namespace

std::vector<double> BenchRow::samples_ts() const {
  std::vector<double> out;
  for (const int64_t ns : samples_ns)
    out.push_back(1e9 * (test.n_prompt + test.n_gen) * test.n_parallel /
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
  if (test.n_parallel > 1) s += fmt::format(" x{}", test.n_parallel);
  if (test.n_depth > 0) s += fmt::format(" @ d{}", test.n_depth);
  return s;
}

double BenchRow::gb_per_s() const {
  return samples_ns.empty() ? 0 : work.bytes() / avg_ns();
}
double BenchRow::gmac_per_s() const {
  return samples_ns.empty() ? 0 : work.macs() / avg_ns();
}
double BenchRow::read_percent() const {
  return roofs.read_gb_s > 0 ? 100 * gb_per_s() / roofs.read_gb_s : 0;
}
double BenchRow::mac_percent() const {
  if (samples_ns.empty() || roofs.int8_gmac_s <= 0 || roofs.f32_gmac_s <= 0) return 0;
  return 100 * (work.int8_macs / roofs.int8_gmac_s + work.f32_macs / roofs.f32_gmac_s) / avg_ns();
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
