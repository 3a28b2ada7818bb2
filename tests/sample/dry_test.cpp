// DRY: penalties worked out by hand, and their way into the draw.
#include "engine/sample/dry.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/sample/draws.h"

namespace engine {
namespace {

DryParams one(std::vector<DryBreaker> breakers = {}) {
  return {.multiplier = 1, .breakers = std::move(breakers)};
}

std::map<Token, float> after(const DryParams& params, const std::vector<Token>& tokens,
                             const std::vector<Token>& ahead = {}) {
  Dry dry(params);
  for (Token t : tokens) dry.accept(t);
  const Dry::Penalties found = dry.penalties(ahead);
  return {found.begin(), found.end()};
}

using Map = std::map<Token, float>;

TEST(Dry, GrowsWithTheLengthOfTheRepetition) {
  const std::vector<Token> tokens = {1, 2, 3, 4, 1, 2, 3};  // 4 would go on; three are repeated
  EXPECT_EQ(after(one(), tokens), (Map{{4, 1.75f}}));
  DryParams p = one();
  p.allowed_length = 3;
  EXPECT_EQ(after(p, tokens), (Map{{4, 1}}));
  p.allowed_length = 4;
  EXPECT_EQ(after(p, tokens), Map{});
  p = one();
  p.multiplier = 0.5f, p.base = 2;
  EXPECT_EQ(after(p, tokens), (Map{{4, 1}}));
  p.base = 0.9f;
  EXPECT_EQ(after(p, tokens), Map{}) << "off";
  p = one();
  p.multiplier = 0;
  EXPECT_EQ(after(p, tokens), Map{}) << "off";
  EXPECT_EQ(after(one(), {}), Map{});
  EXPECT_EQ(after(one(), {1, 2}), Map{});
}

TEST(Dry, TheLongestOfSeveralCounts) {
  EXPECT_EQ(after(one(), {1, 2, 1, 2, 1, 2}), (Map{{1, 3.0625f}}));  // four, not two
  EXPECT_EQ(after(one(), {5, 5, 5}), (Map{{5, 1}}));                 // overlapping
  // 1 2 went on with 3 and with 4
  EXPECT_EQ(after(one(), {1, 2, 3, 1, 2, 4, 1, 2}), (Map{{3, 1}, {4, 1}}));
}

TEST(Dry, LooksAtTheWindowAlone) {
  DryParams p = one();
  p.last_n = 5;
  EXPECT_EQ(after(p, {1, 2, 3, 4, 1, 2, 3}), Map{});
  p.last_n = 6;
  EXPECT_EQ(after(p, {1, 2, 3, 4, 1, 2, 3}), (Map{{4, 1}}));
  p.last_n = 0;
  EXPECT_EQ(after(p, {1, 2, 3, 4, 1, 2, 3}), Map{});
}

TEST(Dry, BreakersEndARepetition) {
  const std::vector<Token> tokens = {7, 1, 2, 3, 5, 7, 1, 2, 3};
  EXPECT_EQ(after(one(), tokens), (Map{{5, 3.0625f}}));           // four
  EXPECT_EQ(after(one({{7, {}}}), tokens), (Map{{5, 1.75f}}));    // three behind it
  EXPECT_EQ(after(one({{7, {1}}}), tokens), (Map{{5, 1}}));       // two behind 7 1
  EXPECT_EQ(after(one({{7, {}}, {7, {1, 2}}}), tokens), Map{});   // one: the longest tail counts
  EXPECT_EQ(after(one({{7, {2}}}), tokens), (Map{{5, 3.0625f}}))  // another text
      << "a tail that does not follow";
  EXPECT_EQ(after(one({{3, {}}}), tokens), Map{}) << "the last token";
  EXPECT_EQ(after(one({{5, {}}}), tokens), Map{}) << "a breaker is never penalised";
  EXPECT_EQ(after(one({{5, {9}}}), tokens), (Map{{5, 3.0625f}})) << "the beginning of one is";
}

TEST(Dry, LongRepetitionsStayFinite) {
  DryParams p = one();
  p.last_n = 1000;
  const Map found = after(p, std::vector<Token>(1000, 3));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(std::isfinite(found.at(3)));
  EXPECT_GT(found.at(3), 1e37f);
  p.base = 1;
  EXPECT_EQ(after(p, std::vector<Token>(1000, 3)), (Map{{3, 1}}));
}

TEST(Dry, LooksAhead) {
  EXPECT_EQ(after(one(), {1, 2, 3, 4, 1}, {2, 3}), after(one(), {1, 2, 3, 4, 1, 2, 3}));
}

SamplerParams with_dry(float multiplier) {
  SamplerParams p;
  p.temperature = 0;
  p.dry.multiplier = multiplier;
  return p;
}

TEST(Dry, LowersLogits) {
  for (const float multiplier : {0.5f, 2.0f}) {
    Sampler sampler(with_dry(multiplier));
    for (Token t : {0, 1, 2, 3, 0, 1, 2}) sampler.accept(t);
    EXPECT_EQ(sampler.need().k, 2);
    EXPECT_EQ(pick(sampler, {0, 0, 0, 5, 3}), multiplier > 1 ? 4 : 3);  // 5 - 0.875, 5 - 3.5
  }
}

TEST(Dry, RowsOfProposalsGetTheirCandidates) {
  Sampler sampler(with_dry(1));
  for (Token t : {0, 1, 2, 3, 0, 1}) sampler.accept(t);
  const std::vector<Token> ahead = {2};
  const OutputNeed n = sampler.need(ahead);
  EXPECT_EQ(std::vector<Token>(n.also.begin(), n.also.end()), (std::vector<Token>{2, 3}));
}

TEST(Dry, CandidatesGiveWhatTheWholeVocabularyGives) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 4);
  for (int64_t seed = 0; seed < 100; ++seed) {
    SamplerParams p;
    p.seed = seed;
    p.top_k = 1 + static_cast<int>(seed % 20);
    p.repeat_penalty = 1.1f;
    p.dry.multiplier = 3;
    p.xtc_probability = 0.5f, p.xtc_threshold = 0.05f;
    p.dynatemp_range = 0.5f;
    std::vector<float> logits(500);
    for (float& l : logits) l = normal(random);
    Sampler few(p), all(p);
    for (int i = 0; i < 40; ++i) {
      // most often a repetition
      const Token t = i % 9 == 8 ? static_cast<Token>(random() % 500) : i % 4;
      few.accept(t), all.accept(t);
    }
    all.need();
    RowOutput row;
    row.full = logits;
    EXPECT_EQ(pick(few, logits), all.pick(row)) << seed;
  }
}

}  // namespace
}  // namespace engine
