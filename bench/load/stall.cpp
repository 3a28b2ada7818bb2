#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "bench/load/load.h"

namespace engine::load {

int stall(const Target& t) {
  constexpr int kStreams = 4, kPromptWords = 3900;
  const nlohmann::json options = {{"temperature", 0}, {"num_ctx", 8192}};
  generate(t, "Warm up", 4, options);
  std::vector<Answer> streams(kStreams);
  std::atomic<bool> arrived = false;
  Answer late;
  std::thread fifth([&] {
    while (!arrived) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    late = generate(t, words(t.seed, kPromptWords), 8, options);
  });
  together(kStreams, [&](int i) {
    int seen = 0;
    streams[static_cast<size_t>(i)] =
        generate(t, fmt::format("{} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", i), t.tokens * 8, options,
                 [&](const nlohmann::json&) {
                   if (++seen == 200) arrived = true;
                   return true;
                 });
  });
  arrived = true;
  fifth.join();
  std::vector<double> pure, during, all;
  const double begin = late.started, end = late.at.empty() ? late.ended : late.at.front();
  for (const Answer& a : streams) {
    if (!a.ok()) return fmt::print("a stream failed: {} {}\n", a.status, a.error), 1;
    for (size_t i = 1; i < a.at.size(); ++i) {
      const double gap = a.at[i] - a.at[i - 1];
      if (a.at[i] < begin) pure.push_back(gap);
      if (a.at[i] > begin && a.at[i - 1] < end) during.push_back(gap);
      if (a.at[i] < end) all.push_back(gap);
    }
  }
  if (!late.ok()) return fmt::print("the long prompt failed: {} {}\n", late.status, late.error), 1;
  const auto ms = [](double s) { return s * 1e3; };
  fmt::print("{} streams; a prompt of {} tokens took {:.2f} s to its first token\n", kStreams,
             late.count("prompt_eval_count"), end - begin);
  fmt::print(
      "gaps before: median {:.2f} ms, p99 {:.2f}; while it was read: median {:.2f} ms, p99 {:.2f}, "
      "most {:.2f} ({} gaps)\n",
      ms(median(pure)), ms(percentile(pure, 0.99)), ms(median(during)),
      ms(percentile(during, 0.99)), ms(percentile(during, 1)), during.size());
  fmt::print(
      "step beside the prompt / pure step: {:.2f}; p99 / median while it was read: {:.2f}, over "
      "both: {:.2f}\n",
      median(during) / median(pure), percentile(during, 0.99) / median(during),
      percentile(all, 0.99) / median(all));
  return 0;
}

}  // namespace engine::load
