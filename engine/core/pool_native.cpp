// The default thread pool: workers wait on one epoch word, first spinning, then asleep in a futex.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/core/check.h"
#include "engine/core/thread_pool.h"

namespace engine {
namespace {

// About 20 us of spinning at 3 GHz inside a step, where the others are known to be at work; 200 us
// between steps, so that workers are still awake when the next token follows. Then the futex: an
// idle engine uses no CPU.
constexpr int kSpinBarrier = 2000;
constexpr int kSpinIdle = 20000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until word differs from old: spins first, then sleeps, counted in sleepers so that the
// waker can spare the system call.
void wait_change(std::atomic<uint32_t>& word, std::atomic<int32_t>& sleepers, uint32_t old,
                 int spins) {
  for (int i = 0; i < spins; ++i) {
    if (word.load(std::memory_order_acquire) != old) return;
    relax();
  }
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (word.load(std::memory_order_seq_cst) == old)
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, old, nullptr,
            nullptr, 0);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

// Changes word and wakes who sleeps on it.
// Whoever counts itself a sleeper after the load below sees the new value.
void advance(std::atomic<uint32_t>& word, std::atomic<int32_t>& sleepers) {
  word.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) > 0)
    syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr,
            nullptr, 0);
}

class NativePool final : public ThreadPool {
 public:
  explicit NativePool(int threads) : size_(threads) {
    try {
      for (int i = 1; i < threads; ++i) threads_.emplace_back([this, i] { worker(i); });
    } catch (const std::system_error&) {  // the system allows no more threads
      size_ = static_cast<int>(threads_.size()) + 1;
    }
  }
  ~NativePool() override {
    stop_.store(true, std::memory_order_relaxed);
    advance(epoch_, sleepers_);
    for (std::thread& t : threads_) t.join();
  }
  int size() const override { return size_; }

  void run(int workers, void (*fn)(void*, const Team&), void* self) noexcept override {
    ENGINE_CHECK(workers >= 1 && workers <= size_, "worker count outside the pool");
    barrier_.reset(workers);
    if (workers == 1) return fn(self, Team{0, 1, barrier_});
    fn_ = fn, self_ = self, workers_ = workers;
    pending_.store(size_ - 1, std::memory_order_relaxed);
    advance(epoch_, sleepers_);
    fn(self, Team{0, workers, barrier_});
    // Join: all workers have read fn_ and left the function.
    for (int i = 0; pending_.load(std::memory_order_acquire) != 0; ++i)
      i < kSpinIdle ? relax() : std::this_thread::yield();
  }

 private:
  void worker(int id) {
    uint32_t seen = 0;
    while (true) {
      wait_change(epoch_, sleepers_, seen, kSpinIdle);
      seen = epoch_.load(std::memory_order_acquire);
      if (stop_.load(std::memory_order_relaxed)) return;
      if (id < workers_) fn_(self_, Team{id, workers_, barrier_});
      pending_.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  int size_;
  void (*fn_)(void*, const Team&) = nullptr;
  void* self_ = nullptr;
  int workers_ = 0;
  Barrier barrier_;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int> pending_{0};
  std::atomic<int32_t> sleepers_{0};
  std::vector<std::thread> threads_;
};

}  // namespace

void Barrier::wait() noexcept {
  if (workers_ == 1) return;
  const uint32_t epoch = epoch_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == workers_) {
    arrived_.store(0, std::memory_order_relaxed);
    advance(epoch_, sleepers_);
    return;
  }
  wait_change(epoch_, sleepers_, epoch, kSpinBarrier);
}

std::unique_ptr<ThreadPool> make_native_pool(int threads) {
  return std::make_unique<NativePool>(std::max(1, threads));
}

std::unique_ptr<ThreadPool> ThreadPool::create(PoolKind kind, int threads) {
  return kind == PoolKind::openmp ? make_openmp_pool(threads) : make_native_pool(threads);
}

}  // namespace engine
