#include "engine/core/bytes_text.h"

#include <fmt/format.h>

#include <cmath>

namespace engine {

std::string bytes_text(int64_t bytes) {
  struct Unit {
    double size;
    const char* name;
  };
  for (const Unit& unit : {Unit{1e12, "TB"}, Unit{1e9, "GB"}, Unit{1e6, "MB"}, Unit{1e3, "KB"}}) {
    const double value = static_cast<double>(bytes) / unit.size;
    if (value < 1) continue;
    if (value >= 10) return fmt::format("{} {}", static_cast<int64_t>(value), unit.name);
    if (value != std::floor(value)) return fmt::format("{:.1f} {}", value, unit.name);
    return fmt::format("{} {}", static_cast<int64_t>(value), unit.name);
  }
  return fmt::format("{} B", bytes);
}

}  // namespace engine
