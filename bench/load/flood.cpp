#include <fmt/format.h>

#include <map>
#include <thread>

#include "bench/load/load.h"

namespace engine::load {

int flood(const Target& t) {
  constexpr int kRequests = 600;
  const nlohmann::json options = {{"temperature", 0}};
  const auto wave = [&](int n) {
    std::vector<Answer> answers(static_cast<size_t>(n));
    together(n, [&](int i) {
      answers[static_cast<size_t>(i)] =
          generate(t, fmt::format("{} is a number. The next is", i), 8, options);
    });
    return answers;
  };
  wave(kRequests);  // the cache of prefixes fills with its first use
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const int64_t before = resident_kib(t.pid);
  const double start = now();
  const std::vector<Answer> answers = wave(kRequests);
  std::map<std::string, int> kinds;
  for (const Answer& a : answers)
    ++kinds[a.status == 200 && !a.error.empty() ? "200 with error"
            : a.status == 0                     ? a.error
                                                : std::to_string(a.status)];
  fmt::print("{} requests at once, {:.1f} s:", kRequests, now() - start);
  for (const auto& [kind, n] : kinds) fmt::print(" {} x {}", n, kind);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const int64_t after = resident_kib(t.pid);
  fmt::print("\nmemory {:.1f} MiB warm, {:.1f} afterwards: {:+.1f}\n",
             static_cast<double>(before) / 1024, static_cast<double>(after) / 1024,
             static_cast<double>(after - before) / 1024);
  return kinds["200"] + kinds["503"] == kRequests ? 0 : 1;
}

}  // namespace engine::load
