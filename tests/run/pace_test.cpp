// How large the slices of prompts are beside sequences that generate.
#include "engine/run/pace.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(PromptPace, a_prompt_alone_takes_whole_steps) {
  PromptPace p;
  EXPECT_EQ(p.rows(0), PromptPace::kAlone);
  p.add_step(0, 512, 1'000'000'000);
  EXPECT_EQ(p.rows(0), PromptPace::kAlone);
}

TEST(PromptPace, begins_small_beside_others) {
  PromptPace p;
  EXPECT_EQ(p.rows(4), PromptPace::kBeginning);
  p.add_step(4, 16, 5'000'000);  // without a pure step it says nothing
  EXPECT_EQ(p.rows(4), PromptPace::kBeginning);
}

TEST(PromptPace, a_step_with_a_prompt_takes_at_most_kmost_steps_without) {
  PromptPace p;
  const auto time = [](size_t rows) { return 4'000'000 + static_cast<int64_t>(rows) * 500'000; };
  for (int i = 0; i < 10; ++i) p.add_step(4, 0, time(0));
  for (int i = 0; i < 20; ++i) p.add_step(4, p.rows(4), time(p.rows(4)));
  EXPECT_EQ(p.rows(4), 12u) << "1.5 * 4 ms / 0.5 ms";
  EXPECT_LE(static_cast<double>(time(p.rows(4))), PromptPace::kMost * static_cast<double>(time(0)));
}

TEST(PromptPace, follows_rows_that_grow_dearer_and_never_stops) {
  PromptPace p;
  for (int i = 0; i < 10; ++i) p.add_step(2, 0, 1'000'000);
  for (int i = 0; i < 20; ++i)
    p.add_step(2, p.rows(2), 1'000'000 + static_cast<int64_t>(p.rows(2)) * 100'000);
  EXPECT_EQ(p.rows(2), 15u);
  for (int i = 0; i < 20; ++i)
    p.add_step(2, p.rows(2), 1'000'000 + static_cast<int64_t>(p.rows(2)) * 9'000'000);
  EXPECT_EQ(p.rows(2), 1u);
}

TEST(PromptPace, takes_the_nearest_number_of_sequences_that_it_knows) {
  PromptPace p;
  p.add_step(8, 0, 8'000'000);
  p.add_step(8, 10, 18'000'000);
  EXPECT_EQ(p.rows(8), 12u);
  EXPECT_EQ(p.rows(200), 12u);
  EXPECT_EQ(p.rows(7), 12u);
}

}  // namespace
}  // namespace engine
