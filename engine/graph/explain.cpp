#include "engine/graph/explain.h"

#include <fmt/format.h>

namespace engine {

std::string explain(const DeviceInfo& device, const PlanReport& report) {
  std::string out = fmt::format("device {} ({}), {}, {} threads\n", device.backend, device.name,
                                device.features, report.workers);
  out += fmt::format("{:>4} {:>5}  {:<14} {:<30} {:<10} {:>7} {:>8} {:>10}  {}\n", "step", "layer",
                     "op", "kernel", "split", "k", "out", "KiB", "weights");
  int barriers = 0;
  for (size_t i = 0; i < report.steps.size(); ++i) {
    const StepReport& s = report.steps[i];
    out += fmt::format("{:>4} {:>5}  {:<14} {:<30} {:<10} {:>7} {:>8} {:>10.1f}  {}\n", i, s.layer,
                       s.op, s.kernel, s.split, s.k ? std::to_string(s.k) : "",
                       s.out ? std::to_string(s.out) : "", static_cast<double>(s.bytes) / 1024.0,
                       s.weight);
    if (s.barrier) out += "     ------ barrier\n", ++barriers;
  }
  out += fmt::format(
      "{} steps, {} barriers for few rows; weights read per step {:.1f} MiB; arenas {:.1f} MiB "
      "shared, {:.1f} MiB per worker\n",
      report.steps.size(), barriers, static_cast<double>(report.weight_bytes) / 1048576.0,
      static_cast<double>(report.shared_bytes) / 1048576.0,
      static_cast<double>(report.worker_bytes) / 1048576.0);
  return out;
}

}  // namespace engine
