// Time for durations.
#pragma once

#include <chrono>
#include <cstdint>

namespace engine {

// Nanoseconds since some moment in the past; never goes back.
inline int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace engine
