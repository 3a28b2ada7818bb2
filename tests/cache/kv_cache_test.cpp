#include "engine/cache/kv_cache.h"

#include <gtest/gtest.h>

#include "tests/cache/keys.h"

namespace engine {
namespace {

// Computes rows as a model would: pages, then commit.
void feed(KvCache& c, SeqId s, std::span<const RowKey> rows) {
  ASSERT_TRUE(c.grow(s, static_cast<int>(rows.size())));
  c.commit(s, rows);
}

TEST(KvCache, a_second_prompt_shares_whole_pages_but_leaves_a_row_to_compute) {
  const int32_t windows[] = {0}, pages[] = {16};
  KvCache c(windows, pages);
  const auto prompt = keys(128);
  const SeqId a = c.open(0, prompt);
  EXPECT_EQ(c.past(a), 0);
  feed(c, a, prompt);
  EXPECT_EQ(c.free_pages(0), 14);
  const SeqId b = c.open(0, prompt);
  EXPECT_EQ(c.past(b), 64);  // not 128: the last row of the prompt must be computed
  EXPECT_EQ(c.segment(b, 0, 0).pages[0][0], c.segment(a, 0, 0).pages[0][0]);
  const SeqId other_root = c.open(7, prompt);
  EXPECT_EQ(c.past(other_root), 0);
}

TEST(KvCache, pages_stay_for_later_prompts_until_they_are_needed) {
  const int32_t windows[] = {0}, pages[] = {4};
  KvCache c(windows, pages);
  const auto first = keys(192), second = keys(256, 1000);
  SeqId s = c.open(0, first);
  feed(c, s, first);
  c.close(s, true);
  EXPECT_EQ(c.free_pages(0), 1);
  EXPECT_EQ(c.tree_nodes(), 3u);
  s = c.open(0, keys(200));
  EXPECT_EQ(c.past(s), 192);
  c.close(s, true);
  s = c.open(0, second);
  feed(c, s, second);  // takes all four pages: the old leaves go, last page of the prefix first
  EXPECT_EQ(c.free_pages(0), 0);
  c.close(s, false);
  EXPECT_EQ(c.free_pages(0), 4);
  EXPECT_EQ(c.tree_nodes(), 0u);
}

TEST(KvCache, grow_takes_nothing_when_it_fails) {
  const int32_t windows[] = {0, 64}, pages[] = {8, 2};
  KvCache c(windows, pages);
  const SeqId s = c.open(0, {});
  EXPECT_FALSE(c.grow(s, 3 * 64));
  EXPECT_EQ(c.free_pages(0), 8);
  EXPECT_EQ(c.free_pages(1), 2);
  EXPECT_TRUE(c.grow(s, 2 * 64));
}

TEST(KvCache, pages_behind_the_window_are_given_back) {
  const int32_t windows[] = {0, 100}, pages[] = {16, 8};
  KvCache c(windows, pages);
  const SeqId s = c.open(0, {});
  for (int i = 0; i < 10; ++i) feed(c, s, keys(64, 1 + static_cast<RowKey>(i) * 64));
  const Segment g = c.segment(s, 0, 0);
  EXPECT_EQ(g.pages[1][7], -1);  // row 640 sees rows from 541 on: page 8
  EXPECT_GE(g.pages[1][8], 0);
  for (int32_t p : g.pages[0]) EXPECT_GE(p, 0);
  c.close(s, false);
  EXPECT_EQ(c.free_pages(0), 16);
  EXPECT_EQ(c.free_pages(1), 8);
}

TEST(KvCache, a_prefix_counts_only_as_far_as_every_group_can_supply_it) {
  const int32_t windows[] = {0, 64}, pages[] = {16, 4};
  KvCache c(windows, pages);
  const auto prompt = keys(6 * 64);
  SeqId s = c.open(0, {});
  for (int i = 0; i < 6; ++i)
    feed(c, s, std::span(prompt).subspan(static_cast<size_t>(i) * 64, 64));
  c.close(s, true);
  const auto longer = keys(7 * 64);
  s = c.open(0, longer);
  EXPECT_EQ(c.past(s), 6 * 64);  // the window pages of the end are still there
  c.close(s, true);
  s = c.open(0, keys(2 * 64));  // those of the middle are not: only 4 window pages existed
  EXPECT_LE(c.past(s), 64);
}

TEST(KvCache, truncate_cuts_inside_an_own_page_and_falls_back_to_the_start_of_a_shared_one) {
  const int32_t windows[] = {0}, pages[] = {16};
  KvCache c(windows, pages);
  const auto prompt = keys(130);
  const SeqId a = c.open(0, {});
  feed(c, a, prompt);
  EXPECT_EQ(c.truncate(a, 100), 100);
  EXPECT_EQ(c.past(a), 100);
  feed(c, a, std::span(prompt).subspan(100));
  const SeqId b = c.open(0, keys(200));
  EXPECT_EQ(c.past(b), 128);
  EXPECT_EQ(c.truncate(b, 100), 64);  // page 1 is shared with a
  EXPECT_EQ(c.past(a), 130);
}

TEST(KvCache, the_last_rows_can_be_taken_back_wherever_the_window_ends) {
  const int32_t windows[] = {0, 100}, pages[] = {16, 8};
  for (int past = 200; past < 400; ++past) {
    KvCache c(windows, pages);
    const SeqId s = c.open(0, {});
    feed(c, s, keys(past));
    feed(c, s, keys(kTakeBackRows, 5000));
    EXPECT_EQ(c.truncate(s, past), past);
    const size_t first = static_cast<size_t>(past - 100 + 1) / kPageTokens;
    EXPECT_GE(c.segment(s, 0, 0).pages[1][first], 0) << past;
    feed(c, s, keys(1, 6000));
    EXPECT_EQ(c.past(s), past + 1);
  }
}

TEST(KvCache, a_page_that_another_sequence_also_computed_is_cut_without_losing_it) {
  const int32_t windows[] = {0}, pages[] = {16};
  KvCache c(windows, pages);
  const auto prompt = keys(64);
  const SeqId a = c.open(0, {}), b = c.open(0, {});
  feed(c, a, prompt);
  feed(c, b, prompt);
  EXPECT_EQ(c.truncate(b, 60), 60);  // the tree has the page of a
  EXPECT_EQ(c.past(a), 64);
  c.close(b, false);
  EXPECT_EQ(c.tree_nodes(), 1u);
  EXPECT_EQ(c.truncate(a, 60), 60);
  EXPECT_EQ(c.tree_nodes(), 0u);
}

TEST(KvCache, rows_that_are_in_the_tree_already_take_no_second_page_for_long) {
  const int32_t windows[] = {0}, pages[] = {6};
  KvCache c(windows, pages);
  const auto rows = keys(5 * 64);
  const SeqId first = c.open(0, {});
  feed(c, first, rows);
  c.close(first, true);
  const SeqId again = c.open(0, {});  // without a prompt nothing is shared at the start
  for (size_t at = 0; at < rows.size(); at += 32) feed(c, again, std::span(rows).subspan(at, 32));
  EXPECT_EQ(c.past(again), 320);
  EXPECT_GE(c.free_pages(0), 0);  // five of the tree, at most the last one of the sequence twice
  EXPECT_EQ(c.truncate(again, 316), 316) << "it can still be cut";
  c.close(again, false);
  EXPECT_EQ(c.free_pages(0), 6);
}

TEST(KvCache, equal_rows_behind_another_prefix_are_another_page) {
  const int32_t windows[] = {0}, pages[] = {16};
  KvCache c(windows, pages);
  std::vector<RowKey> x = keys(64), y = keys(64, 500);
  const auto same = keys(64, 9000);
  x.insert(x.end(), same.begin(), same.end());
  const SeqId a = c.open(0, {});
  feed(c, a, x);
  y.insert(y.end(), same.begin(), same.end());
  y.push_back(1);
  EXPECT_EQ(c.past(c.open(0, y)), 0);
}

}  // namespace
}  // namespace engine
