// How large the slices of prompts are beside sequences that generate.
#include "engine/run/pace.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(PromptPace, a_prompt_alone_takes_whole_steps) {
  PromptPace p;
  EXPECT_EQ(p.rows(0, false), PromptPace::kAlone);
  p.add_step(0, 512, 1'000'000'000);
  EXPECT_EQ(p.rows(0, false), PromptPace::kAlone);
}

TEST(PromptPace, begins_small_beside_others) {
  PromptPace p;
  EXPECT_EQ(p.rows(4, false), PromptPace::kBeginning);
  p.add_step(4, 16, 5'000'000);  // without a pure step it says nothing
  EXPECT_EQ(p.rows(4, false), PromptPace::kBeginning);
}

TEST(PromptPace, a_step_with_a_prompt_takes_at_most_kmost_steps_without) {
  PromptPace p;
  const auto time = [](size_t rows) { return 4'000'000 + static_cast<int64_t>(rows) * 500'000; };
  for (int i = 0; i < 10; ++i) p.add_step(4, 0, time(0));
  for (int i = 0; i < 20; ++i) p.add_step(4, p.rows(4, false), time(p.rows(4, false)));
  EXPECT_EQ(p.rows(4, false), 12u) << "1.5 * 4 ms / 0.5 ms";
  EXPECT_LE(static_cast<double>(time(p.rows(4, false))),
            PromptPace::kMost * static_cast<double>(time(0)));
}

TEST(PromptPace, sequences_that_have_only_begun_wait_once_for_the_prompts_that_came_with_them) {
  PromptPace p;
  EXPECT_EQ(p.rows(1, true), PromptPace::kBeginning) << "nothing is known";
  p.add_step(0, 30, 30 * 1'000'000);  // 1 ms for a row
  EXPECT_EQ(p.rows(1, true), 250u) << "a quarter of a second";
  EXPECT_EQ(p.rows(1, false), PromptPace::kBeginning);
  p.add_step(0, 30, 30 * 1'000'000'000ll);
  EXPECT_LT(p.rows(1, true), 250u) << "rows have become slower";
  EXPECT_GE(p.rows(1, true), PromptPace::kBeginning) << "never less than the others get";
}

TEST(PromptPace, follows_rows_that_grow_dearer_and_never_stops) {
  PromptPace p;
  for (int i = 0; i < 10; ++i) p.add_step(2, 0, 1'000'000);
  for (int i = 0; i < 20; ++i)
    p.add_step(2, p.rows(2, false), 1'000'000 + static_cast<int64_t>(p.rows(2, false)) * 100'000);
  EXPECT_EQ(p.rows(2, false), 15u);
  for (int i = 0; i < 20; ++i)
    p.add_step(2, p.rows(2, false), 1'000'000 + static_cast<int64_t>(p.rows(2, false)) * 9'000'000);
  EXPECT_EQ(p.rows(2, false), 1u);
}

TEST(PromptPace, takes_the_nearest_number_of_sequences_that_it_knows) {
  PromptPace p;
  p.add_step(8, 0, 8'000'000);
  p.add_step(8, 10, 18'000'000);
  EXPECT_EQ(p.rows(8, false), 12u);
  EXPECT_EQ(p.rows(200, false), 12u);
  EXPECT_EQ(p.rows(7, false), 12u);
}

}  // namespace
}  // namespace engine
