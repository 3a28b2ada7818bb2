// TeamSize with times that the test makes up.
#include "kernels/cpu/team_size.h"

#include <gtest/gtest.h>

namespace engine::cpu {
namespace {

// Passes with two workers take 10, or when a core is busy 10 now and then and else 40; with one 17.
struct Machine {
  TeamSize team{2};
  bool busy = false;
  int with_one = 0, count = 0;

  void passes(int n, int rows = 1) {
    for (int i = 0; i < n; ++i, ++count) {
      const int workers = team.workers();
      ASSERT_TRUE(workers == 1 || workers == 2);
      with_one += workers == 1;
      team.took(rows, workers == 1 ? 17 : busy && count % 4 != 0 ? 40 : 10);
    }
  }
};

TEST(TeamSize, an_idle_machine_tries_nothing) {
  Machine m;
  m.passes(5000);
  EXPECT_EQ(m.with_one, 0);
}

TEST(TeamSize, slow_growth_is_not_suspicious) {
  TeamSize team(4);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(team.workers(), 4);
    team.took(1, 1000 + i);
  }
}

TEST(TeamSize, a_busy_core_costs_the_worker_on_it_and_brings_it_back) {
  Machine m;
  m.passes(100);
  m.busy = true;
  m.passes(1000);
  EXPECT_EQ(m.team.workers(), 1);
  EXPECT_GT(m.with_one, 900) << "soon, and with few trials";
  m.busy = false;
  m.passes(4000);
  EXPECT_EQ(m.team.workers(), 2);
  m.with_one = 0;
  m.passes(1000);
  EXPECT_EQ(m.with_one, 0);
}

TEST(TeamSize, a_core_busy_from_the_start_is_noticed) {
  Machine m;
  m.busy = true;
  m.passes(400);
  EXPECT_EQ(m.team.workers(), 1);
}

TEST(TeamSize, what_is_not_faster_is_not_kept) {
  TeamSize team(2);
  int with_one = 0;
  for (int i = 0; i < 4000; ++i) {  // unsteady, but a single worker is slower still
    with_one += team.workers() == 1;
    team.took(1, team.workers() == 1 ? 60 : i % 8 == 0 ? 10 : 30);
  }
  EXPECT_EQ(team.workers(), 2);
  EXPECT_LT(with_one, 60);
}

TEST(TeamSize, a_large_team_that_stays_unsteady_tries_seldom) {
  TeamSize team(8);
  int changes = 0, last = 8;
  for (int i = 0; i < 8000; ++i) {  // one worker less is a little faster, two are not
    const int workers = team.workers();
    changes += workers != last, last = workers;
    team.took(1, (workers == 8 ? 60 : workers == 7 ? 50 : 55) * (i % 8 == 0 ? 1 : 3));
  }
  EXPECT_LT(changes, 60);
}

TEST(TeamSize, a_trial_ends_when_the_work_changes) {
  Machine m;
  m.busy = true;
  for (int i = 0; i < 1000 && m.team.workers() == 2; ++i) m.passes(1);
  ASSERT_EQ(m.team.workers(), 1);
  m.passes(1, 3);  // the trial's window is not full
  EXPECT_EQ(m.team.workers(), 2);
}

TEST(TeamSize, one_worker_stays_one) {
  TeamSize team(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(team.workers(), 1);
    team.took(1, i % 2 ? 10 : 1000);
  }
}

}  // namespace
}  // namespace engine::cpu
