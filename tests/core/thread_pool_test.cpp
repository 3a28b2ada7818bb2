#include "engine/core/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace engine {
namespace {

class PoolTest : public ::testing::TestWithParam<std::pair<PoolKind, int>> {};

TEST_P(PoolTest, every_worker_runs_once_and_barriers_order_the_phases) {
  const auto [kind, threads] = GetParam();
  auto pool = ThreadPool::create(kind, threads);
  ASSERT_EQ(pool->size(), threads);
  for (int round = 0; round < 300; ++round) {
    const int workers = 1 + round % threads;
    std::vector<int> seen(static_cast<size_t>(workers), 0), sums(static_cast<size_t>(workers), 0);
    fork_join(*pool, workers, [&](const Team& t) {
      for (int phase = 1; phase <= 4; ++phase) {
        seen[static_cast<size_t>(t.worker)] = phase;
        t.barrier.wait();
        for (int s : seen) sums[static_cast<size_t>(t.worker)] += s;  // all are in this phase
        t.barrier.wait();
      }
    });
    for (int s : sums) ASSERT_EQ(s, workers * (1 + 2 + 3 + 4));
  }
}

INSTANTIATE_TEST_SUITE_P(Pools, PoolTest,
                         ::testing::Values(std::pair(PoolKind::native, 1),
                                           std::pair(PoolKind::native, 2),
                                           std::pair(PoolKind::native, 5),
                                           std::pair(PoolKind::openmp, 3)));

TEST(NativePool, wakes_up_after_it_slept) {
  auto pool = make_native_pool(3);
  std::atomic<int> n{0};
  for (int i = 0; i < 3; ++i) {
    fork_join(*pool, 3, [&](const Team&) { n.fetch_add(1); });
    const timespec pause{0, 20'000'000};  // long enough for the workers to fall asleep
    nanosleep(&pause, nullptr);
  }
  EXPECT_EQ(n.load(), 9);
}

}  // namespace
}  // namespace engine
