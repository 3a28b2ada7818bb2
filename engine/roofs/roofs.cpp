#include "engine/roofs/roofs.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

namespace engine::roofs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kRounds = 200'000;  // of one pass over a chain: a millisecond or less

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Median speed of passes that each return the units done.
template <class Pass>
double median_speed(double seconds, Pass&& pass) {
  pass();
  std::vector<double> runs;
  const auto start = Clock::now();
  while (runs.size() < 3 || seconds_since(start) < seconds) {
    const auto begin = Clock::now();
    const double units = pass();
    runs.push_back(units / seconds_since(begin));
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

// A sum that cannot be left out, eight chains wide: memory is slower than any way to add.
uint64_t read_all(const uint64_t* p, size_t n) {
  uint64_t s[8] = {};
  for (size_t i = 0; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; ++j) s[j] += p[i + j];
  uint64_t sum = 0;
  for (uint64_t v : s) sum += v;
  return sum;
}

struct alignas(64) Slot {  // of a worker: in a line of its own
  uint64_t sum = 0;
  int64_t macs = 0;
};

}  // namespace

std::span<const Chain* const> all_chains() {
  static constexpr const Chain* kChains[] = {
    &chain_fma_scalar,
    &chain_int8_scalar,
#if defined(__x86_64__)
    &chain_fma_avx2,
    &chain_maddubs1_avx2,
    &chain_maddubs8_avx2,
    &chain_fma_avx512,
    &chain_vpdpbusd_avx512,
#endif
  };
  return kChains;
}

void touch(const Buffer& memory) {
  std::memset(memory.data(), 1, memory.size());
}

double read_speed(ThreadPool& pool, int workers, const Buffer& memory, double seconds) {
  std::vector<Slot> slots(static_cast<size_t>(workers));
  const size_t words = memory.size() / 8 / static_cast<size_t>(workers);
  const double speed = median_speed(seconds, [&] {
    fork_join(pool, workers, [&](const Team& t) {
      const size_t w = static_cast<size_t>(t.worker);
      slots[w].sum += read_all(reinterpret_cast<const uint64_t*>(memory.data()) + words * w, words);
    });
    return static_cast<double>(words * 8 * static_cast<size_t>(workers));
  });
  volatile uint64_t sink = 0;
  for (const Slot& s : slots) sink = sink + s.sum;
  return speed / 1e9;
}

double chain_speed(const Chain& chain, ThreadPool& pool, int workers, double seconds) {
  std::vector<Slot> slots(static_cast<size_t>(workers));
  return median_speed(seconds,
                      [&] {
                        fork_join(pool, workers, [&](const Team& t) {
                          float sink[8];
                          slots[static_cast<size_t>(t.worker)].macs = chain.run(kRounds, sink);
                        });
                        double macs = 0;
                        for (const Slot& s : slots) macs += static_cast<double>(s.macs);
                        return macs;
                      }) /
         1e9;
}

Result<double> measure_read(ThreadPool& pool, int workers, double seconds) {
  ENGINE_TRY(memory, Buffer::allocate(kReadBytes, true));
  touch(memory);
  return read_speed(pool, workers, memory, seconds);
}

Roofs measure_peaks(ThreadPool& pool, int workers, uint64_t features, double seconds) {
  Roofs r;
  r.workers = workers;
  std::vector<const Chain*> usable;
  for (const Chain* c : all_chains())
    if ((c->needs & ~features) == 0) usable.push_back(c);
  for (const Chain* c : usable) {
    const auto same = std::count_if(usable.begin(), usable.end(),
                                    [&](const Chain* o) { return o->integer == c->integer; });
    const double speed = chain_speed(*c, pool, workers, seconds / static_cast<double>(same));
    double& best = c->integer ? r.int8_gmac_s : r.f32_gmac_s;
    if (speed > best) best = speed, (c->integer ? r.int8_chain : r.f32_chain) = c->name;
  }
  return r;
}

}  // namespace engine::roofs
