// Sampler: each stage on distributions worked out by hand, their order, penalties, seeds,
// frequencies, and the equality of the candidate path with the whole vocabulary.
#include "engine/sample/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/sample/draws.h"

namespace engine {
namespace {

TEST(Sampler, GreedyTakesTheLargestAndTheLowestIdOfEquals) {
  SamplerParams p;
  p.temperature = 0;
  Sampler sampler(p);
  EXPECT_EQ(pick(sampler, {1, 3, 2, 3}), 1);
  EXPECT_EQ(pick(sampler, {-5, -4}), 1);
  EXPECT_EQ(sampler.need().k, 1);
}

TEST(Sampler, DrawsTheDistribution) {
  EXPECT_LT(chi_square(frequencies(plain(), logits_of(kFive), 20000), kFive), kBound4);
  const std::vector<float> shifted = {5, 5, 5, 5, 5};
  EXPECT_LT(chi_square(frequencies(plain(), shifted, 20000), {0.2, 0.2, 0.2, 0.2, 0.2}), kBound4);
}

TEST(Sampler, TemperatureFlattensAndSharpens) {
  for (const float t : {0.5f, 2.0f}) {
    SamplerParams p = plain();
    p.temperature = t;
    std::vector<double> expected;
    double sum = 0;
    for (double q : kFive) sum += expected.emplace_back(std::pow(q, 1 / t));
    for (double& q : expected) q /= sum;
    EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), expected), kBound4) << t;
  }
  SamplerParams tiny = plain();
  tiny.temperature = 1e-30f;
  EXPECT_EQ(support(tiny, logits_of(kFive)), (std::set<Token>{0}));
}

TEST(Sampler, TopKKeepsKAndRenormalises) {
  SamplerParams p = plain();
  p.top_k = 2;
  EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), {0.4 / 0.7, 0.3 / 0.7, 0, 0, 0}),
            kBound4);
  EXPECT_EQ(support(p, {1, 1, 1, 1}), (std::set<Token>{0, 1}));  // of equals the lowest ids
  p.top_k = 100;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 5u);
}

TEST(Sampler, TopPIncludesTheCrossingToken) {
  SamplerParams p = plain();
  const std::vector<std::pair<float, size_t>> cases = {{0, 1},     {0.39f, 1}, {0.41f, 2},
                                                       {0.71f, 3}, {0.96f, 5}, {1, 5}};
  for (const auto& [top_p, kept] : cases) {
    p.top_p = top_p;
    EXPECT_EQ(support(p, logits_of(kFive)).size(), kept) << top_p;
  }
}

TEST(Sampler, MinPIsRelativeToTheBestAndInclusive) {
  SamplerParams p = plain();
  const std::vector<std::pair<float, size_t>> cases = {
      {0.76f, 1}, {0.74f, 2}, {0.26f, 3}, {0.24f, 4}, {0.1f, 5}};
  for (const auto& [min_p, kept] : cases) {
    p.min_p = min_p;
    EXPECT_EQ(support(p, logits_of(kFive)).size(), kept) << min_p;
  }
  p.min_p = 1;
  EXPECT_EQ(support(p, {2, 2, 1}), (std::set<Token>{0, 1}));
}

TEST(Sampler, TypicalKeepsWhatIsNearestToTheEntropy) {
  // H = 1.3925 nats; -ln p = 0.916, 1.204, 1.897, 2.303, 2.996:
  // nearest are tokens 1 (0.188), 0 (0.476), 2 (0.505).
  SamplerParams p = plain();
  p.typical_p = 0.25f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{1}));
  p.typical_p = 0.5f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1}));
  p.typical_p = 0.75f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1, 2}));
}

TEST(Sampler, StagesRunInTheirOrder) {
  // top_k before top_p: of {0.4, 0.3} renormalised, 0.5 is reached by the first;
  // the other way round two would stay.
  SamplerParams p = plain();
  p.top_k = 2;
  p.top_p = 0.55f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0}));
  // Truncation sees the distribution before temperature.
  p = plain();
  p.temperature = 100;
  p.top_p = 0.6f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1}));
  // Penalties come before truncation.
  p = plain();
  p.top_k = 1;
  p.presence_penalty = 5;
  Sampler sampler(p);
  sampler.accept(0);
  EXPECT_EQ(pick(sampler, logits_of(kFive)), 1);
}

Token greedy_after(SamplerParams p, const std::vector<Token>& history,
                   const std::vector<float>& logits) {
  p.temperature = 0;
  Sampler sampler(p);
  for (Token t : history) sampler.accept(t);
  return pick(sampler, logits);
}

TEST(Sampler, RepeatPenaltyDividesPositiveAndMultipliesNegative) {
  SamplerParams p;
  p.repeat_penalty = 2;
  EXPECT_EQ(greedy_after(p, {0}, {4, 2.1f}), 1);
  EXPECT_EQ(greedy_after(p, {0}, {4, 1.9f}), 0);
  EXPECT_EQ(greedy_after(p, {0, 0, 0}, {4, 1.9f}), 0);  // once, however often it occurred
  EXPECT_EQ(greedy_after(p, {0}, {-1, -1.9f}), 1);
  EXPECT_EQ(greedy_after(p, {0}, {-1, -2.1f}), 0);
  p.repeat_penalty = 0.5f;  // a reward
  EXPECT_EQ(greedy_after(p, {3}, {4, 0, 0, 2.1f}), 3);
}

TEST(Sampler, FrequencyCountsAndPresenceDoesNot) {
  SamplerParams p;
  p.frequency_penalty = 1;
  EXPECT_EQ(greedy_after(p, {0, 0}, {4, 2.1f}), 1);
  EXPECT_EQ(greedy_after(p, {0, 0}, {4, 1.9f}), 0);
  p.frequency_penalty = 0;
  p.presence_penalty = 1;
  EXPECT_EQ(greedy_after(p, {0, 0, 0}, {4, 3.1f}), 1);
  EXPECT_EQ(greedy_after(p, {0, 0, 0}, {4, 2.9f}), 0);
}

TEST(Sampler, PenaltiesForgetWhatLeavesTheWindow) {
  SamplerParams p;
  p.presence_penalty = 5;
  p.repeat_last_n = 2;
  EXPECT_EQ(greedy_after(p, {0, 1, 1}, {4, 3}), 0);
  EXPECT_EQ(greedy_after(p, {0, 1}, {4, 3, -1.5f}), 0);  // both penalised alike
  EXPECT_EQ(greedy_after(p, {1, 0, 1}, {4, 3, 1}), 2);
  p.repeat_last_n = 0;
  EXPECT_EQ(greedy_after(p, {0, 1}, {4, 3, 2}), 0);
  p.repeat_last_n = -1;
  EXPECT_EQ(greedy_after(p, std::vector<Token>(1000, 0), {4, 3}), 1);
}

TEST(Sampler, BiasAndSuppression) {
  SamplerParams p = plain();
  p.logit_bias = {{4, 100.0f}};
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{4}));
  p = plain();
  p.suppressed = {0, 1};
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{2, 3, 4}));
  p.temperature = 0;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{2}));
}

TEST(Sampler, SeedsAreReproducible) {
  SamplerParams p = plain();
  const std::vector<float> logits(100, 0.0f);
  const auto sequence = [&](int64_t seed) {
    p.seed = seed;
    Sampler sampler(p);
    std::vector<Token> out;
    for (int i = 0; i < 50; ++i) out.push_back(pick(sampler, logits));
    return out;
  };
  EXPECT_EQ(sequence(7), sequence(7));
  EXPECT_NE(sequence(7), sequence(8));
  EXPECT_NE(sequence(-1), sequence(-1));
  EXPECT_EQ(sequence(4294967295LL + 8), sequence(7));  // 32 bits count
  // The generator: the first number of mt19937(7) is 327741615, the second 976413892; u = (a + b
  // 2^32) / 2^64 = 0.22733...
  EXPECT_EQ(sequence(7)[0], 22);
}

TEST(Sampler, EveryTokenCostsOneDraw) {
  SamplerParams greedy_then = plain();
  Sampler a(greedy_then), b(greedy_then);
  pick(a, {0, -INFINITY});            // no choice
  pick(b, std::vector<float>(2, 0));  // a choice
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(pick(a, logits), pick(b, logits));
}

TEST(Sampler, NeedIsExactAndSmall) {
  SamplerParams p;
  Sampler sampler(p);
  EXPECT_EQ(sampler.need().kind, OutputNeed::top);
  EXPECT_EQ(sampler.need().k, 40);
  p.repeat_penalty = 1.1f;
  Sampler penal(p);
  for (Token t : {5, 9, 5}) penal.accept(t);
  EXPECT_EQ(penal.need().k, 42);
  EXPECT_EQ(std::vector<Token>(penal.need().also.begin(), penal.need().also.end()),
            (std::vector<Token>{5, 9}));
  p.top_k = 0;
  EXPECT_EQ(Sampler(p).need().kind, OutputNeed::full);
  p.top_k = 100000;
  EXPECT_EQ(Sampler(p).need().kind, OutputNeed::full);
}

TEST(Sampler, CandidatesGiveWhatTheWholeVocabularyGives) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 4);
  SamplerParams p;
  p.repeat_penalty = 1.3f;
  p.frequency_penalty = 0.2f;
  p.min_p = 0.01f;
  p.logit_bias = {{17, 3.0f}};
  for (int64_t seed = 0; seed < 200; ++seed) {
    p.seed = seed;
    p.top_k = 1 + static_cast<int>(seed % 50);
    p.typical_p = seed % 3 == 0 ? 0.9f : 1.0f;
    std::vector<float> logits(3000);
    // ties in every second row
    for (float& l : logits) l = seed % 2 ? normal(random) : std::round(normal(random));
    Sampler few(p), all(p);
    for (Token t = 0; t < 100; t += 3) few.accept(t % 40), all.accept(t % 40);
    all.need();
    RowOutput row;
    row.full = logits;
    EXPECT_EQ(pick(few, logits), all.pick(row)) << seed;
  }
}

TEST(Sampler, LargeVocabularyWithoutTopK) {
  SamplerParams p = plain();
  std::vector<float> logits(50000, 0.0f);
  std::set<Token> seen;
  Sampler sampler(p);
  for (int i = 0; i < 20; ++i) seen.insert(pick(sampler, logits));
  EXPECT_GT(seen.size(), 15u);
  EXPECT_GT(*seen.rbegin(), 25000);
  p.top_p = 0.01f;  // of a flat distribution: the 500 lowest ids
  EXPECT_LE(*support(p, std::vector<float>(5000, 1.0f)).rbegin(), 50);
}

TEST(Sampler, BrokenLogitsDoNotBreakTheSampler) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              inf = std::numeric_limits<float>::infinity();
  SamplerParams p = plain();
  p.typical_p = 0.9f;
  p.top_p = 0.9f;
  p.min_p = 0.1f;
  Sampler sampler(p);
  EXPECT_EQ(pick(sampler, {nan, 1, nan}), 1);
  EXPECT_EQ(pick(sampler, {1, inf, 2}), 1);
  EXPECT_EQ(pick(sampler, {-inf, -inf}), 0);
  EXPECT_EQ(pick(sampler, {nan, nan, nan}), 0);
}

}  // namespace
}  // namespace engine
