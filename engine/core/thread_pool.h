// Fork/join over a fixed set of threads, and the barrier that its workers share. One pool per
// process, made in main().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace engine {

// All workers of one fork/join meet here. Spins briefly, then sleeps on a futex: a spin-only
// barrier collapses when another process takes the core. Thread-safe.
class Barrier {
 public:
  void reset(int workers) { workers_ = workers, arrived_.store(0, std::memory_order_relaxed); }
  void wait() noexcept;

 private:
  int workers_ = 1;
  alignas(64) std::atomic<int32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> epoch_{0};
  std::atomic<int32_t> sleepers_{0};  // in the futex: nobody asleep, no system call
};

// What a thread of a fork/join knows; kernels never see it.
struct Team {
  int worker, workers;
  Barrier& barrier;
};

enum class PoolKind : uint8_t { native, openmp };

class ThreadPool {
 public:
  virtual ~ThreadPool() = default;
  // One fork/join; the caller is worker 0. Requires: 1 <= workers <= size(). One caller at a time.
  virtual void run(int workers, void (*fn)(void* self, const Team&), void* self) noexcept = 0;
  virtual int size() const = 0;

  static std::unique_ptr<ThreadPool> create(PoolKind kind, int threads);
};

std::unique_ptr<ThreadPool> make_native_pool(int threads);
std::unique_ptr<ThreadPool> make_openmp_pool(int threads);

// run() for a callable: `fork_join(pool, n, [&](const Team& t) { ... })`.
template <class F>
void fork_join(ThreadPool& pool, int workers, F&& body) {
  pool.run(
      workers,
      [](void* self, const Team& t) { (*static_cast<std::remove_reference_t<F>*>(self))(t); },
      &body);
}

}  // namespace engine
