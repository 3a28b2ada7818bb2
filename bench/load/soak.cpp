#include <fmt/format.h>

#include <atomic>
#include <random>
#include <thread>

#include "bench/load/load.h"

namespace engine::load {
namespace {

// MiB per hour, by least squares.
double slope(const std::vector<std::pair<double, double>>& points) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const auto& [a, b] : points) n += 1, x += a, y += b, xx += a * a, xy += a * b;
  const double d = n * xx - x * x;
  return d > 0 ? (n * xy - x * y) / d * 3600 / 1024 : 0;
}

}  // namespace

int soak(const Target& t) {
  const double end = now() + t.minutes * 60;
  std::atomic<int> answered = 0, hung_up = 0, failed = 0;
  std::thread watcher;
  std::vector<std::pair<double, double>> memory;
  const double begin = now();
  watcher = std::thread([&] {
    while (now() < end) {
      std::this_thread::sleep_for(std::chrono::seconds(2));
      if (now() - begin > t.minutes * 20)  // the first third warms up
        memory.emplace_back(now() - begin, static_cast<double>(resident_kib(t.pid)));
    }
  });
  together(t.clients, [&](int i) {
    std::mt19937_64 random(t.seed * 1000 + static_cast<uint64_t>(i));
    while (now() < end) {
      const int kind = static_cast<int>(random() % 8), tokens = 1 + static_cast<int>(random() % 64);
      const std::string prompt = words(random() % 50, static_cast<int>(random() % 300));
      int left = random() % 4 == 0 ? static_cast<int>(random() % 20) : 1 << 30;
      const bool leaves = left < 1 << 30;
      const OnObject on_object = [&](const nlohmann::json&) { return left-- > 0; };
      Answer a;
      if (kind == 0)
        a = get(t, "/api/tags");
      else if (kind == 1)
        a = post(t, "/api/show", {{"model", t.model}});
      else if (kind == 2)
        a = post(t, "/api/chat",
                 {{"model", t.model},
                  {"messages", {{{"role", "user"}, {"content", prompt}}}},
                  {"options", {{"num_predict", tokens}}}},
                 on_object);
      else if (kind == 3)
        a = post(t, "/api/generate",
                 {{"model", t.model},
                  {"prompt", prompt},
                  {"format", "json"},
                  {"options", {{"num_predict", tokens}}}},
                 on_object);
      else
        a = generate(t, prompt, tokens, {{"seed", random() % 100}}, on_object);
      if (leaves && left < 0)
        ++hung_up;
      else if (a.status == 200)
        ++answered;
      else if (++failed <= 5)
        fmt::print("failed: {} {}\n", a.status, a.error);
    }
  });
  watcher.join();
  fmt::print("{:.1f} minutes, {} clients: {} answers, {} left early, {} failed\n", t.minutes,
             t.clients, answered.load(), hung_up.load(), failed.load());
  if (!memory.empty())
    fmt::print("memory after the first third {:.1f} MiB, at the end {:.1f}: {:+.2f} MiB per hour\n",
               memory.front().second / 1024, memory.back().second / 1024, slope(memory));
  return failed > 0;
}

}  // namespace engine::load
