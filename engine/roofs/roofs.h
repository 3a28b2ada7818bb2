// What this machine can do at most: bytes read from memory and products computed per second, by
// number of threads. Every figure of the engine is quoted beside its roof.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/core/arena.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "engine/roofs/chain.h"

namespace engine::roofs {

std::span<const Chain* const> all_chains();  // of this build

// Medians over passes for about `seconds`, after one of warm-up.
// Requires: workers <= pool.size().
// GB/s: every worker reads its own part of memory, front to back.
double read_speed(ThreadPool& pool, int workers, const Buffer& memory, double seconds);
// GMAC/s of all workers.
double chain_speed(const Chain& chain, ThreadPool& pool, int workers, double seconds);

struct Roofs {
  int workers = 0;
  double read_gb_s = 0, int8_gmac_s = 0, f32_gmac_s = 0;
  std::string int8_chain, f32_chain;  // the fastest of those that the features allow
};

constexpr size_t kReadBytes = size_t{256} << 20;  // several times any last-level cache

// About `seconds` for each roof. features: instruction sets that may be used. read_gb_s is left 0.
Roofs measure_peaks(ThreadPool& pool, int workers, uint64_t features, double seconds = 0.3);
Result<double> measure_read(ThreadPool& pool, int workers, double seconds = 0.3);

// A byte of every page is written: memory that was never touched is one page of zeros.
void touch(const Buffer& memory);

}  // namespace engine::roofs
