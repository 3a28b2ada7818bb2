#include "engine/tools/bench_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

namespace engine {
namespace {

struct Line {
  const StepReport* step = nullptr;  // the first of its kind
  int steps = 0;
  double run_us = 0, wait_us = 0;  // per pass and worker
  PassWork work;                   // of all passes
};

std::string per_second(double units, double us) {
  return units > 0 && us > 0 ? fmt::format("{:.1f}", units / us / 1e3) : "";
}

}  // namespace

std::string profile_table(const PlanReport& plan, std::span<const PassWork> work) {
  if (plan.profiled == 0) return "no pass was profiled\n";
  const double passes = static_cast<double>(plan.profiled);
  const double scale = 1e-3 / (passes * plan.workers);  // ns of all passes and workers to us
  std::map<std::tuple<std::string, std::string, int64_t, int64_t>, Line> kinds;
  double run = 0, wait = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const StepReport& s = plan.steps[i];
    Line& line = kinds[{s.op, s.kernel, s.k, s.out}];
    if (line.step == nullptr) line.step = &s;
    ++line.steps;
    line.run_us += static_cast<double>(s.run_ns) * scale;
    line.wait_us += static_cast<double>(s.wait_ns) * scale;
    if (i < work.size()) line.work += work[i];
    run += static_cast<double>(s.run_ns) * scale;
    wait += static_cast<double>(s.wait_ns) * scale;
  }
  std::vector<const Line*> lines;
  for (const auto& [kind, line] : kinds) lines.push_back(&line);
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line* a, const Line* b) { return a->run_us > b->run_us; });

  const double whole = static_cast<double>(plan.profiled_ns) * 1e-3 / passes;
  std::string out = fmt::format(
      "{} passes of {:.1f} us, {} threads: {:.1f} % in steps, {:.1f} % waiting at barriers, {:.1f} "
      "% "
      "to fork and join\n",
      plan.profiled, whole, plan.workers, 100 * run / whole, 100 * wait / whole,
      std::max(0.0, 100 * (whole - run - wait) / whole));
  out += fmt::format("{:>6} {:>10} {:>10} {:>6}  {:<14} {:<30} {:>7} {:>8} {:>8} {:>8}\n", "%",
                     "us", "wait us", "steps", "op", "kernel", "k", "out", "GB/s", "GMAC/s");
  for (const Line* l : lines) {
    out +=
        fmt::format("{:>6.1f} {:>10.1f} {:>10.1f} {:>6}  {:<14} {:<30} {:>7} {:>8} {:>8} {:>8}\n",
                    100 * l->run_us / whole, l->run_us, l->wait_us, l->steps, l->step->op,
                    l->step->kernel, l->step->k ? std::to_string(l->step->k) : "",
                    l->step->out ? std::to_string(l->step->out) : "",
                    per_second(l->work.bytes() / passes, l->run_us),
                    per_second(l->work.macs() / passes, l->run_us));
  }
  return out;
}

}  // namespace engine
