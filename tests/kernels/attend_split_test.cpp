// Keys that are split between workers: the same bits, whatever part ends last.
#include <gtest/gtest.h>

#include "engine/core/cpu_info.h"
#include "kernels/op.h"
#include "tests/kernels/problems.h"

namespace engine::test {
namespace {

// Sequences long enough for several parts.
constexpr AttendCase kLong[] = {{64, 64, 9, 3, {1400, 0}, {1, 0}, 0, 0, false},
                                {64, 64, 9, 3, {1400, 300}, {2, 3}, 0, 0, true},
                                {128, 128, 12, 2, {1279, 0}, {1, 0}, 0, 30, false},
                                {256, 256, 4, 1, {1900, 1030}, {1, 1}, 700, 0, false, 1}};

TEST(AttendSplit, SplitAndWholeAreTheSameBits) {
  int kernels = 0;
  for (const CpuKernel* kernel : cpu::all_kernels()) {
    if (kernel->op != Op::attend || (kernel->needs & ~cpu_features()) != 0 || kernel->needs == 0)
      continue;
    ++kernels;
    for (const AttendCase& c : kLong) {
      const auto whole = attend_problem(*kernel, c, Data::uniform, false),
                 split = attend_problem(*kernel, c, Data::uniform, true);
      run_all(*kernel, *whole);
      EXPECT_GT(kernel->items(split->args()), kernel->items(whole->args())) << whole->name();
      const std::vector<std::byte> want = whole->result();
      Rng rng(5);
      for (int i = 0; i < 4; ++i) {
        split->clear();
        run_cut(*kernel, *split, rng);
        EXPECT_TRUE(split->result() == want) << kernel->id << ", " << split->name();
      }
    }
  }
  if (kernels == 0) GTEST_SKIP() << "NOT TESTED: no vector kernel runs on this machine";
}

}  // namespace
}  // namespace engine::test
