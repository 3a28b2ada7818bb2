// LoadProgress: what a running load shows to who waits for it, and how it is called off.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/core/result.h"

namespace engine {

struct LoadProgress {
  std::atomic<uint64_t> steps{0};  // parts of the file that are done
  std::atomic<bool> aborted{false};

  // One more step. Errc::cancelled: the load is to end.
  Status step() {
    steps.fetch_add(1, std::memory_order_relaxed);
    if (aborted.load(std::memory_order_relaxed))
      return Error{Errc::cancelled, "the load was called off"};
    return ok;
  }
};

}  // namespace engine
