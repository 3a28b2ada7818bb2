// Numbers and threads of the scenarios.
#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "bench/load/load.h"

namespace engine::load {

void together(int n, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back(work, i);
  for (std::thread& t : threads) t.join();
}

int64_t resident_kib(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
  return 0;
}

double metric(const Target& t, const std::string& name) {
  std::istringstream in(get(t, "/metrics").text);
  double sum = 0;
  for (std::string line; std::getline(in, line);) {
    const bool mine = line.starts_with(name) && line.size() > name.size() &&
                      (line[name.size()] == ' ' || line[name.size()] == '{');
    if (mine) sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

double percentile(std::vector<double> v, double part) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  const size_t i = static_cast<size_t>(part * static_cast<double>(v.size()));
  return v[std::min(i, v.size() - 1)];
}
double median(std::vector<double> v) {
  return percentile(std::move(v), 0.5);
}

std::string words(uint64_t seed, int n) {
  constexpr const char* kWords[] = {"time",     "year",   "people", "way",     "day",    "man",
                                    "thing",    "woman",  "life",   "child",   "world",  "school",
                                    "state",    "family", "group",  "country", "hand",   "part",
                                    "place",    "case",   "week",   "company", "system", "program",
                                    "question", "work",   "number", "night",   "point",  "home"};
  std::mt19937_64 random(seed);
  std::string out = "Notes " + std::to_string(seed) + ":";
  for (int i = 0; i < n; ++i) out += std::string(" ") + kWords[random() % std::size(kWords)];
  return out;
}

}  // namespace engine::load
