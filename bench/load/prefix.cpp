#include <fmt/format.h>

#include "bench/load/load.h"

namespace engine::load {

int prefix(const Target& t) {
  constexpr int kWords = 1950;
  const nlohmann::json options = {{"temperature", 0}, {"num_ctx", 8192}};
  generate(t, "Warm up", 4, options);
  std::vector<double> ratios;
  for (int run = 0; run < t.runs; ++run) {
    const std::string text = words(t.seed + static_cast<uint64_t>(run), kWords);
    const Answer first = generate(t, text + " What follows?", 4, options),
                 second = generate(t, text + " And who was it?", 4, options);
    if (!first.ok() || !second.ok())
      return fmt::print("failed: {} {}\n", first.error, second.error), 1;
    ratios.push_back(second.seconds("prompt_eval_duration") /
                     first.seconds("prompt_eval_duration"));
    if (run == 0)
      fmt::print("prompts of {} tokens: {:.0f} ms, then {:.1f} ms\n",
                 first.count("prompt_eval_count"), first.seconds("prompt_eval_duration") * 1e3,
                 second.seconds("prompt_eval_duration") * 1e3);
  }
  fmt::print("second / first: median {:.2f} %\n", median(ratios) * 100);

  const std::string text = words(t.seed + 1000, kWords);
  const double before = metric(t, "engine_prompt_tokens_total");
  int tokens = 0;
  std::vector<Answer> both(2);
  together(2, [&](int i) {
    both[static_cast<size_t>(i)] = generate(t, text + (i ? " One?" : " Two?"), 4, options);
  });
  for (const Answer& a : both) tokens += a.count("prompt_eval_count");
  const double computed = metric(t, "engine_prompt_tokens_total") - before;
  fmt::print("at once: {} tokens in two prompts, {:.0f} computed ({:.0f} %)\n", tokens, computed,
             100 * computed / tokens);
  return 0;
}

}  // namespace engine::load
