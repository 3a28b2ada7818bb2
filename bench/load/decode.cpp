// Rates from eval_duration, beside the wall clock.
#include <fmt/format.h>

#include <algorithm>

#include "bench/load/load.h"

namespace engine::load {

int decode(const Target& t) {
  std::vector<double> totals, walls;
  int failed = 0, ended_early = 0;
  for (int run = 0; run < t.runs; ++run) {
    std::vector<Answer> answers(static_cast<size_t>(t.clients));
    together(t.clients, [&](int i) {
      // counting does not come to an end by itself; the first number keeps the prompts apart
      const std::string prompt = fmt::format("{} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", i);
      answers[static_cast<size_t>(i)] = generate(t, prompt, t.tokens, {{"temperature", 0}});
    });
    double total = 0, first = 1e18, last = 0;
    int tokens = 0;
    for (const Answer& a : answers) {
      if (!a.ok() || a.at.empty()) {
        ++failed;
        continue;
      }
      total += a.rate(), tokens += a.count("eval_count");
      ended_early += a.count("eval_count") < t.tokens;
      first = std::min(first, a.at.front()), last = std::max(last, a.ended);
    }
    totals.push_back(total), walls.push_back(tokens / (last - first));
  }
  fmt::print(
      "{} clients, {} tokens each: {:.1f} tokens/s in all by eval_duration ({:.1f}-{:.1f}), {:.1f} "
      "by the wall clock\n",
      t.clients, t.tokens, median(totals), percentile(totals, 0), percentile(totals, 1),
      median(walls));
  if (ended_early > 0) fmt::print("{} answers ended before their last token\n", ended_early);
  if (failed > 0) fmt::print("{} requests failed\n", failed);
  return failed > 0;
}

}  // namespace engine::load
