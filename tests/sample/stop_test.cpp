// Stop strings over every way of cutting a text into pieces, and the limit of tokens.
#include "engine/sample/stop.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

struct Outcome {
  std::string text;
  bool stopped = false;
  bool operator==(const Outcome&) const = default;
};

// Pushes the pieces of `text` between the cuts of a bit mask.
Outcome run(const std::vector<std::string>& stops, const std::string& text, unsigned cuts) {
  StopMatcher matcher(stops);
  Outcome out;
  std::string piece;
  for (size_t i = 0; i < text.size(); ++i) {
    piece += text[i];
    if (i + 1 < text.size() && !(cuts >> i & 1)) continue;
    if (matcher.push(piece, out.text)) {
      out.stopped = true;
      return out;
    }
    piece.clear();
  }
  out.text += matcher.flush();
  return out;
}

void expect_for_every_cut(const std::vector<std::string>& stops, const std::string& text,
                          const Outcome& expected) {
  for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
    const Outcome got = run(stops, text, cuts);
    ASSERT_EQ(got.text, expected.text) << text << " cut at " << cuts;
    ASSERT_EQ(got.stopped, expected.stopped) << text << " cut at " << cuts;
  }
}

TEST(StopMatcher, EveryCut) {
  expect_for_every_cut({"STOP"}, "abSTOPcd", {"ab", true});
  expect_for_every_cut({"STOP"}, "STOP", {"", true});
  expect_for_every_cut({"STOP"}, "SSTOSTOP", {"SSTO", true});
  expect_for_every_cut({"aab"}, "aaaab", {"aa", true});
  expect_for_every_cut({"abab"}, "abaabab", {"aba", true});
  expect_for_every_cut({"x"}, "abcdef", {"abcdef", false});
  expect_for_every_cut({"\n\n", "###"}, "a\n##b###c", {"a\n##b", true});
  expect_for_every_cut({"END"}, "text EN", {"text EN", false});  // a partial stop is flushed
  expect_for_every_cut({"é!"}, "caf\xc3\xa9!x", {"caf", true});  // multi-byte characters in pieces
  expect_for_every_cut({"", "b"}, "abc", {"a", true});           // empty ones are ignored
}

TEST(StopMatcher, TheEarliestWins) {
  StopMatcher matcher({"cd", "bc"});
  std::string out;
  EXPECT_FALSE(matcher.push("a", out));
  EXPECT_EQ(matcher.found(), "");
  EXPECT_TRUE(matcher.push("bcd", out));
  EXPECT_EQ(out, "a");
  EXPECT_EQ(matcher.found(), "bc");
}

TEST(StopMatcher, HoldsOnlyWhatMayStillMatch) {
  StopMatcher matcher({"abc"});
  std::string out;
  EXPECT_FALSE(matcher.push("xxab", out));
  EXPECT_EQ(out, "xx");
  EXPECT_FALSE(matcher.push("d", out));
  EXPECT_EQ(out, "xxabd");
  EXPECT_FALSE(matcher.push("a", out));
  EXPECT_EQ(out, "xxabd");
  EXPECT_EQ(matcher.flush(), "a");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, WithoutStopsEverythingPasses) {
  StopMatcher matcher({});
  std::string out;
  EXPECT_FALSE(matcher.push("anything", out));
  EXPECT_EQ(out, "anything");
}

TEST(TokenLimit, ZeroAndNegativeMeanTenContexts) {
  EXPECT_EQ(token_limit(5, 100), 5);
  EXPECT_EQ(token_limit(1, 100), 1);
  EXPECT_EQ(token_limit(0, 100), 1000);
  EXPECT_EQ(token_limit(-1, 100), 1000);
  EXPECT_EQ(token_limit(-2, 100), 1000);
  EXPECT_EQ(token_limit(5000, 100), 1000);
}

}  // namespace
}  // namespace engine
