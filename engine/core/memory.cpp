#include "engine/core/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/core/env.h"

namespace engine {
namespace {

// A number in a file of one line; SIZE_MAX for "max" or no such file.
size_t number_in(const std::string& path) {
  std::ifstream in(path);
  size_t n = 0;
  return in >> n ? n : SIZE_MAX;
}

size_t system_memory() {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    size_t kib = 0;
    if (words >> key >> kib && key == "MemAvailable:") return kib * 1024;
  }
  return static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) *
         static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// What the limits of the control group and of its parents leave.
size_t group_memory() {
  std::ifstream in("/proc/self/cgroup");
  size_t least = SIZE_MAX;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0::")) continue;  // version 2
    for (std::string group = line.substr(3); !group.empty();
         group = group.substr(0, group.find_last_of('/'))) {
      const std::string folder = "/sys/fs/cgroup" + group;
      const size_t limit = number_in(folder + "/memory.max"),
                   used = number_in(folder + "/memory.current");
      if (limit != SIZE_MAX && used != SIZE_MAX)
        least = std::min(least, limit > used ? limit - used : 0);
    }
  }
  return least;
}

}  // namespace

Result<size_t> available_memory() {
  size_t out = std::min(system_memory(), group_memory());
  if (const std::string cap = env(Env::ENGINE_MEMORY); !cap.empty()) {
    const Result<size_t> bytes = parse_memory(cap);
    if (!bytes) return Error{bytes.error().code, "ENGINE_MEMORY: " + bytes.error().message};
    out = std::min(out, *bytes);
  }
  return out;
}

std::string memory_text(size_t bytes) {
  const double mib = static_cast<double>(bytes) / 1048576.0;
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

Result<size_t> parse_memory(const std::string& text) {
  const Error wrong{Errc::invalid_argument,
                    fmt::format("\"{}\" is no size (such as 6GiB or 800MB)", text)};
  if (text.empty() || text[0] < '0' || text[0] > '9') return wrong;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string unit;
  for (; *end != 0; ++end)
    if (*end != ' ') unit += static_cast<char>(std::toupper(static_cast<unsigned char>(*end)));
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    const size_t power = std::string("KMGT").find(unit[0]);
    const std::string rest = unit.substr(1);
    if (power == std::string::npos || (!rest.empty() && rest != "B" && rest != "IB")) return wrong;
    factor = std::pow(rest == "B" ? 1000.0 : 1024.0, static_cast<double>(power + 1));
  }
  const double bytes = number * factor;
  if (!(bytes >= 0) || bytes > 9e18) return wrong;
  return static_cast<size_t>(bytes);
}

Status lock_memory() {
  if (mlockall(MCL_CURRENT | MCL_ONFAULT) == 0) return ok;
  const int why = errno;
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return Error{Errc::io,
               fmt::format("cannot lock memory: {} (the limit is {}; raise it with ulimit -l)",
                           std::strerror(why),
                           limit.rlim_cur == RLIM_INFINITY ? "none" : memory_text(limit.rlim_cur))};
}

}  // namespace engine
