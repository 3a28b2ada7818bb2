#include <fmt/format.h>

#include <random>

#include "bench/load/load.h"

namespace engine::load {

int mix(const Target& t) {
  constexpr int kTasks = 24, kMixes = 200;
  struct Task {
    std::string prompt;
    nlohmann::json options;
    int tokens;
    std::string alone;
  };
  std::vector<Task> tasks;
  std::mt19937_64 random(t.seed);
  for (int i = 0; i < kTasks; ++i) {
    // some begin alike, for hits in the cache of prefixes
    const std::string prompt =
        words(static_cast<uint64_t>(i % 6), 20 + 60 * (i % 6)) + fmt::format(" Now {}:", i);
    const nlohmann::json options = {
        {"seed", i + 1}, {"temperature", i % 4 == 0 ? 0.0 : 0.9}, {"top_k", 40}, {"top_p", 0.95}};
    tasks.push_back({prompt, options, 8 + static_cast<int>(random() % 40), ""});
  }
  for (Task& task : tasks) {
    const Answer a = generate(t, task.prompt, task.tokens, task.options);
    if (!a.ok()) return fmt::print("failed: {} {}\n", a.status, a.error), 1;
    task.alone = a.text;
  }
  int compared = 0, different = 0;
  for (int m = 0; m < kMixes; ++m) {
    std::vector<size_t> chosen(2 + random() % 7);
    for (size_t& c : chosen) c = random() % kTasks;
    std::vector<Answer> answers(chosen.size());
    together(static_cast<int>(chosen.size()), [&](int i) {
      const Task& task = tasks[chosen[static_cast<size_t>(i)]];
      answers[static_cast<size_t>(i)] = generate(t, task.prompt, task.tokens, task.options);
    });
    for (size_t i = 0; i < chosen.size(); ++i, ++compared) {
      if (answers[i].ok() && answers[i].text == tasks[chosen[i]].alone) continue;
      if (++different <= 3)
        fmt::print("mix {}, task {}: {} {}\n  alone: {}\n  now:   {}\n", m, chosen[i],
                   answers[i].status, answers[i].error,
                   nlohmann::json(tasks[chosen[i]].alone).dump(),
                   nlohmann::json(answers[i].text).dump());
    }
  }
  fmt::print("{} mixes, {} answers: {} differ from the same request alone\n", kMixes, compared,
             different);
  return different > 0;
}

}  // namespace engine::load
