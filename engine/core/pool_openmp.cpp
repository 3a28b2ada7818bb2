// The second thread pool, for comparison and cross-checks (ENGINE_POOL=openmp).
#include <omp.h>

#include <algorithm>

#include "engine/core/check.h"
#include "engine/core/thread_pool.h"

namespace engine {
namespace {

class OpenMpPool final : public ThreadPool {
 public:
  explicit OpenMpPool(int threads) : size_(threads) {}
  int size() const override { return size_; }

  void run(int workers, void (*fn)(void*, const Team&), void* self) noexcept override {
    ENGINE_CHECK(workers >= 1 && workers <= size_, "worker count outside the pool");
    omp_set_dynamic(0);
    barrier_.reset(workers);
#pragma omp parallel num_threads(workers)
    { fn(self, Team{omp_get_thread_num(), workers, barrier_}); }
  }

 private:
  const int size_;
  Barrier barrier_;
};

}  // namespace

std::unique_ptr<ThreadPool> make_openmp_pool(int threads) {
  return std::make_unique<OpenMpPool>(std::max(1, threads));
}

}  // namespace engine
