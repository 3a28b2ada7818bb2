// A sequence that forgets its middle: what its pages hold, and that nobody else notices.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "engine/cache/kv_cache.h"
#include "tests/cache/keys.h"
#include "tests/support/random.h"

namespace engine {
namespace {

uint64_t follow(uint64_t before, RowKey key) {
  return (before ^ key) * 0x9E3779B97F4A7C15u + 1;
}

// What a device keeps of a row: all that it was computed from, and its position.
struct Stored {
  uint64_t from = 0;
  int position = -1;
  bool operator==(const Stored&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Stored& s) {
  return out << s.from << " at " << s.position;
}

// A cache and the contents of its pages, as a model would write and move them.
class Device {
 public:
  Device(std::vector<int32_t> windows, std::vector<int32_t> pages)
      : cache(windows, pages), windows_(std::move(windows)) {
    for (int32_t n : pages) contents_.emplace_back(static_cast<size_t>(n));
  }

  SeqId open(std::span<const RowKey> prompt) {
    const SeqId s = cache.open(0, prompt);
    auto& rows = rows_[s] = {};
    for (int i = 0; i < cache.past(s); ++i)
      rows.push_back(follow(rows.empty() ? 0 : rows.back(), prompt[static_cast<size_t>(i)]));
    return s;
  }

  bool feed(SeqId s, std::span<const RowKey> keys) {
    if (!cache.grow(s, static_cast<int>(keys.size()))) return false;
    const Segment segment = cache.segment(s, 0, static_cast<int>(keys.size()));
    auto& rows = rows_[s];
    for (RowKey key : keys) {
      const size_t at = rows.size();
      rows.push_back(follow(rows.empty() ? 0 : rows.back(), key));
      for (size_t g = 0; g < windows_.size(); ++g)
        row(g, segment.pages[g][at / kPageTokens], at) = {rows.back(), static_cast<int>(at)};
    }
    cache.commit(s, keys);
    return true;
  }

  bool shift(SeqId s, int keep, int drop) {
    std::vector<PageMove> moves;
    if (!cache.shift(s, keep, drop, moves)) return false;
    for (const PageMove& m : moves) {
      auto& group = contents_[static_cast<size_t>(m.group)];
      auto page = group[static_cast<size_t>(m.from)];
      for (Stored& r : page) r.position -= drop * kPageTokens;
      group[static_cast<size_t>(m.to)] = page;
      copies += m.from != m.to;
    }
    auto& rows = rows_[s];
    rows.erase(rows.begin() + keep * kPageTokens, rows.begin() + (keep + drop) * kPageTokens);
    return true;
  }

  void truncate(SeqId s, int past) {
    rows_[s].resize(static_cast<size_t>(cache.truncate(s, past)));
  }

  void close(SeqId s, bool keep) {
    cache.close(s, keep);
    rows_.erase(s);
  }

  // Every open sequence finds the rows that its next one sees.
  void check(const std::string& what) {
    for (const auto& [s, rows] : rows_) {
      ASSERT_EQ(cache.past(s), static_cast<int>(rows.size())) << what;
      const Segment segment = cache.segment(s, 0, 0);
      for (size_t g = 0; g < windows_.size(); ++g) {
        const size_t window = static_cast<size_t>(windows_[g]);
        const size_t first = window == 0 || rows.size() < window ? 0 : rows.size() - window + 1;
        for (size_t i = first; i < rows.size(); ++i) {
          const int32_t page = segment.pages[g][i / kPageTokens];
          ASSERT_GE(page, 0) << what << ": group " << g << ", row " << i;
          ASSERT_EQ(row(g, page, i), (Stored{rows[i], static_cast<int>(i)}))
              << what << ": sequence " << s << ", group " << g << ", row " << i;
        }
      }
    }
  }

  KvCache cache;
  int copies = 0;

 private:
  Stored& row(size_t g, int32_t page, size_t at) {
    return contents_[g][static_cast<size_t>(page)][at % kPageTokens];
  }
  std::vector<int32_t> windows_;
  std::vector<std::vector<std::array<Stored, kPageTokens>>> contents_;
  std::map<SeqId, std::vector<uint64_t>> rows_;
};

std::vector<int32_t> table(const KvCache& c, SeqId s, size_t group = 0) {
  const auto pages = c.segment(s, 0, 0).pages[group];
  return {pages.begin(), pages.end()};
}

TEST(KvCacheShift, whole_pages_leave_and_those_behind_move_up_in_place) {
  Device d({0}, {8});
  const SeqId s = d.open({});
  ASSERT_TRUE(d.feed(s, keys(300)));
  const auto before = table(d.cache, s);
  ASSERT_TRUE(d.shift(s, 1, 2));
  d.check("shifted");
  EXPECT_EQ(d.cache.past(s), 300 - 128);
  EXPECT_EQ(table(d.cache, s), (std::vector<int32_t>{before[0], before[3], before[4]}));
  EXPECT_EQ(d.copies, 0);
  EXPECT_EQ(d.cache.free_pages(0), 3) << "the tree still has the pages that were dropped";
  ASSERT_TRUE(d.feed(s, keys(64, 900)));
  d.check("goes on");
  d.close(s, false);
  EXPECT_EQ(d.cache.free_pages(0), 5) << "those, and the page in front of them";
}

TEST(KvCacheShift, everything_can_go_but_what_is_kept) {
  Device d({0}, {8});
  const SeqId s = d.open({});
  ASSERT_TRUE(d.feed(s, keys(192)));
  ASSERT_TRUE(d.shift(s, 1, 2));
  EXPECT_EQ(d.cache.past(s), 64);
  ASSERT_TRUE(d.feed(s, keys(70, 500)));
  ASSERT_TRUE(d.shift(s, 0, 1));
  d.check("from the first page on");
}

TEST(KvCacheShift, rows_of_a_shifted_sequence_are_found_by_nobody) {
  Device d({0}, {16});
  const auto prompt = keys(320);
  const SeqId s = d.open({});
  ASSERT_TRUE(d.feed(s, prompt));
  ASSERT_TRUE(d.shift(s, 1, 2));
  ASSERT_TRUE(d.feed(s, keys(200, 900)));
  std::vector<RowKey> text(prompt.begin(), prompt.begin() + 64);  // as if it had never been longer
  text.insert(text.end(), prompt.begin() + 192, prompt.end());
  for (RowKey k : keys(200, 900)) text.push_back(k);
  EXPECT_EQ(d.cache.past(d.open(text)), 64) << "while it is open";
  d.close(s, true);
  EXPECT_EQ(d.cache.past(d.open(text)), 64) << "the page in front is what it seems";
  EXPECT_EQ(d.cache.past(d.open(prompt)), 192) << "and so are those that were dropped";
  d.check("found");
}

TEST(KvCacheShift, shared_pages_are_copied_and_others_keep_theirs) {
  Device d({0}, {16});
  const auto prompt = keys(320);
  const SeqId a = d.open({});
  ASSERT_TRUE(d.feed(a, prompt));
  const SeqId b = d.open(prompt);
  ASSERT_EQ(d.cache.past(b), 256);
  ASSERT_TRUE(d.feed(b, keys(90, 700)));
  const auto before = table(d.cache, a);
  const size_t nodes = d.cache.tree_nodes();
  ASSERT_TRUE(d.shift(b, 1, 1));
  EXPECT_EQ(d.copies, 2) << "of five pages behind, two are of the prompt and three its own";
  EXPECT_EQ(table(d.cache, a), before);
  EXPECT_EQ(d.cache.tree_nodes(), nodes - 1) << "the page that b alone had computed left it";
  d.check("after b");
  ASSERT_TRUE(d.feed(a, keys(50, 300)));
  ASSERT_TRUE(d.feed(b, keys(50, 300)));
  d.check("both go on");
  EXPECT_EQ(d.cache.past(d.open(keys(321))), 320) << "the prompt is still there";
  d.check("a third");
}

TEST(KvCacheShift, a_page_that_a_later_prompt_left_in_the_tree_is_copied) {
  Device d({0}, {16});
  const SeqId a = d.open({});
  ASSERT_TRUE(d.feed(a, keys(256)));
  const SeqId b = d.open(keys(256));
  auto longer = keys(192);
  for (RowKey k : keys(64, 5000)) longer.push_back(k);
  ASSERT_TRUE(d.feed(b, std::span(longer).subspan(192)));
  d.close(b, true);  // a node behind the third page that only the tree has
  ASSERT_TRUE(d.shift(a, 0, 1));
  EXPECT_EQ(d.copies, 2);
  d.check("a");
  longer.push_back(1);
  EXPECT_EQ(d.cache.past(d.open(longer)), 256);
  d.check("the longer one again");
}

TEST(KvCacheShift, without_pages_for_copies_nothing_changes) {
  Device d({0}, {6});
  const SeqId a = d.open({});
  ASSERT_TRUE(d.feed(a, keys(256)));
  const SeqId b = d.open(keys(257));
  ASSERT_TRUE(d.feed(b, keys(70, 800)));
  ASSERT_EQ(d.cache.free_pages(0), 0);
  const auto before_a = table(d.cache, a), before_b = table(d.cache, b);
  const size_t nodes = d.cache.tree_nodes();
  EXPECT_FALSE(d.shift(b, 1, 1));
  EXPECT_EQ(table(d.cache, a), before_a);
  EXPECT_EQ(table(d.cache, b), before_b);
  EXPECT_EQ(d.cache.tree_nodes(), nodes);
  d.check("as before");
  d.close(b, true);
  d.close(a, true);
  const SeqId c = d.open({});
  EXPECT_TRUE(d.feed(c, keys(6 * 64, 9000))) << "no page was lost";
}

TEST(KvCacheShift, one_page_too_few_gives_the_others_back) {
  Device d({0}, {7});
  const SeqId a = d.open({});
  ASSERT_TRUE(d.feed(a, keys(256)));
  const SeqId b = d.open(keys(257));
  ASSERT_TRUE(d.feed(b, keys(70, 800)));
  ASSERT_EQ(d.cache.free_pages(0), 1);
  EXPECT_FALSE(d.shift(b, 1, 1)) << "two pages of the prompt are shared";
  EXPECT_EQ(d.cache.free_pages(0), 1);
  EXPECT_TRUE(d.shift(b, 1, 2)) << "one of them";
  EXPECT_EQ(d.cache.free_pages(0), 0);
  d.check("copied the last one");
}

TEST(KvCacheShift, the_window_moves_along) {
  Device d({0, 100}, {32, 16});
  const SeqId s = d.open({});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(d.feed(s, keys(64, 1 + static_cast<RowKey>(i) * 64)));
  ASSERT_TRUE(d.shift(s, 1, 4));
  d.check("shifted");
  const auto window = table(d.cache, s, 1);
  ASSERT_EQ(window.size(), 6u);
  EXPECT_EQ(window[0], -1) << "given back long ago";
  EXPECT_EQ(window[3], -1) << "row 384 sees rows from 285 on: page 4";
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(d.feed(s, keys(30, 2000 + static_cast<RowKey>(i) * 30)));
    d.check("goes on");
  }
  d.truncate(s, d.cache.past(s) - kTakeBackRows);
  d.check("taken back");
  d.close(s, false);
  EXPECT_TRUE(d.feed(d.open({}), keys(16 * 64, 9000))) << "no page was lost";
}

TEST(KvCacheShift, a_window_that_would_see_what_is_given_back_refuses) {
  // Behind the shift a window of 130 would reach into the page that is kept.
  Device d({0, 130}, {32, 16});
  const SeqId s = d.open({});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(d.feed(s, keys(64, 1 + static_cast<RowKey>(i) * 64)));
  EXPECT_FALSE(d.shift(s, 1, 1));
  d.check("as before");
  EXPECT_TRUE(d.shift(s, 0, 1)) << "nothing is kept in front of what it sees";
  d.check("shifted");
  Device wide({0, 300}, {32, 16});  // nothing was given back yet
  const SeqId w = wide.open({});
  ASSERT_TRUE(wide.feed(w, keys(256)));
  EXPECT_TRUE(wide.shift(w, 1, 1));
  wide.check("wide");
}

// Whether a window can follow depends on the numbers of rows alone, not on what came from the cache.
TEST(KvCacheShift, a_prefix_hit_does_not_change_what_is_possible) {
  for (int window = 60; window < 400; window += 3)
    for (int keep = 0; keep < 3; ++keep) {
      bool possible[2];
      for (const bool hit : {false, true}) {
        Device d({0, window}, {32, 32});
        const auto prompt = keys(261);
        if (hit) {
          const SeqId first = d.open({});
          ASSERT_TRUE(d.feed(first, prompt));
          d.close(first, true);
        }
        const SeqId s = d.open(prompt);
        ASSERT_TRUE(d.feed(s, std::span(prompt).subspan(static_cast<size_t>(d.cache.past(s)))));
        possible[hit] = d.shift(s, keep, 1);
        d.check("window " + std::to_string(window));
      }
      EXPECT_EQ(possible[0], possible[1]) << "window " << window << ", keep " << keep;
    }
}

TEST(KvCacheShift, taking_everything_back_makes_the_rows_honest_again) {
  Device d({0}, {16});
  const auto prompt = keys(256);
  const SeqId s = d.open({});
  ASSERT_TRUE(d.feed(s, prompt));
  ASSERT_TRUE(d.shift(s, 1, 1));
  d.truncate(s, 70);
  ASSERT_TRUE(d.feed(s, keys(200, 900)));
  EXPECT_EQ(d.cache.tree_nodes(), 2u) << "row 64 to 69 are still shifted: only what was before";
  d.truncate(s, 64);
  ASSERT_TRUE(d.feed(s, keys(128, 900)));
  EXPECT_EQ(d.cache.tree_nodes(), 4u);
  d.check("again");
}

// Sequences that begin alike, grow, shift, take back and end in a random order, in too few pages.
TEST(KvCacheShift, whatever_happens_every_sequence_finds_its_own_rows) {
  test::Rng rng(11);
  int shifts = 0, refused = 0, copies = 0, shared = 0;
  for (int round = 0; round < 60; ++round) {
    const int window = round % 3 == 0 ? 0 : 40 + static_cast<int>(rng.below(200));
    Device d(window == 0 ? std::vector<int32_t>{0} : std::vector<int32_t>{0, window},
             window == 0 ? std::vector<int32_t>{24} : std::vector<int32_t>{24, 20});
    std::vector<SeqId> open;
    for (int i = 0; i < 120; ++i) {
      const std::string what = "round " + std::to_string(round) + ", " + std::to_string(i);
      const int64_t act = rng.below(10);
      if (open.empty() || (act == 0 && open.size() < 4)) {
        const auto prompt = keys(64 + static_cast<int>(rng.below(400)));
        open.push_back(d.open(prompt));
        shared += d.cache.past(open.back()) > 0;
        const size_t past = static_cast<size_t>(d.cache.past(open.back()));
        if (!d.feed(open.back(), std::span(prompt).subspan(past)))
          d.close(open.back(), true), open.pop_back();
      } else {
        const size_t which = static_cast<size_t>(rng.below(std::ssize(open)));
        const SeqId s = open[which];
        const int past = d.cache.past(s), pages = past / kPageTokens;
        if (act == 1) {
          d.close(s, rng.below(2) == 0);
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
        } else if (act < 5 && pages > 0) {
          const int keep = static_cast<int>(rng.below(std::min(pages, 3))),
                    drop = 1 + static_cast<int>(rng.below(pages - keep));
          (d.shift(s, keep, drop) ? shifts : refused) += 1;
        } else if (act == 5) {
          d.truncate(s, std::max(0, past - static_cast<int>(rng.below(kTakeBackRows + 1))));
        } else {  // of few kinds, so that sequences meet again
          (void)d.feed(s, keys(1 + static_cast<int>(rng.below(90)),
                               1000 + static_cast<RowKey>(rng.below(2)) * 500));
        }
      }
      d.check(what);
      if (HasFatalFailure()) return;
    }
    copies += d.copies;
    for (SeqId s : open) d.close(s, false);
    const SeqId all = d.open({});
    EXPECT_TRUE(d.feed(all, keys(20 * 64, 1 << 20))) << "no page was lost";
  }
  EXPECT_GT(shifts, 500);
  EXPECT_GT(refused, 50);
  EXPECT_GT(copies, 100);
  EXPECT_GT(shared, 50);
}

}  // namespace
}  // namespace engine
