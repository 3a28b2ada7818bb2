// The samplers beyond Ollama's: each on distributions worked out by hand.
#include <gtest/gtest.h>

#include "tests/sample/draws.h"

namespace engine {
namespace {

TEST(ExtraSamplers, TopNSigmaIsInclusiveAndOfTheWholeRow) {
  // mean 2, deviations 2, 0, -1, -1: sigma = sqrt(6 / 4) = 1.2247
  SamplerParams p = plain();
  const std::vector<float> logits = {4, 2, 1, 1};
  const std::vector<std::pair<float, size_t>> cases = {{-1, 4},   {0, 4},    {0.1f, 1}, {1.6f, 1},
                                                       {1.7f, 2}, {2.4f, 2}, {2.5f, 4}};
  for (const auto& [n, kept] : cases) {
    p.top_n_sigma = n;
    EXPECT_EQ(support(p, logits).size(), kept) << n;
  }
  p.top_n_sigma = 2;  // mean 2, sigma 1: the border is 1
  EXPECT_EQ(support(p, {3, 1}), (std::set<Token>{0, 1}));
  EXPECT_EQ(support(p, {3, 1, -INFINITY}), (std::set<Token>{0, 1}));
  p.top_n_sigma = 1.99f;
  EXPECT_EQ(support(p, {3, 1}), (std::set<Token>{0}));
  // Of the two that top_k leaves sigma would be 0.25 and the border 2.75;
  // of all, it is 5.1 and more.
  p.top_n_sigma = 1;
  p.top_k = 2;
  EXPECT_EQ(Sampler(p).need().kind, OutputNeed::full);
  EXPECT_EQ(support(p, {3, 2.5f, -10, -10, -10, -10, -10, -10, -10}), (std::set<Token>{0, 1}));
  p.temperature = 0;
  EXPECT_EQ(Sampler(p).need().k, 1);
}

TEST(ExtraSamplers, MinKeepIsAFloorOfTruncation) {
  SamplerParams p = plain();
  p.min_keep = 3;
  p.top_p = 0.39f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1, 2}));
  p.top_p = 0.96f;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 5u);
  p = plain();
  p.min_keep = 3;
  p.min_p = 0.76f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1, 2}));
  p.min_keep = 100;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 5u);
  p = plain();
  p.min_keep = 2;
  p.typical_p = 0.25f;  // nearest to the entropy: tokens 1, 0
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0, 1}));
}

// kFive has an entropy of 1.39232, which is 0.865098 of ln 5.
TEST(ExtraSamplers, DynamicTemperatureFollowsTheEntropy) {
  struct Case {
    float temperature, range, exponent;
    double result;
  };
  for (const Case& c : {Case{1, 0.5f, 1, 1.365098}, Case{1, 0.5f, 2, 1.248394},
                        Case{0.3f, 1, 1, 1.124627}, Case{1, 0.5f, 0, 1.5}, Case{1, 0, 5, 1}}) {
    SamplerParams p = plain();
    p.temperature = c.temperature;
    p.dynatemp_range = c.range;
    p.dynatemp_exponent = c.exponent;
    Candidates five;
    five.assign(logits_of(kFive));
    EXPECT_NEAR(draw_temperature(five, p), c.result, 1e-4);
    std::vector<double> expected;
    double sum = 0;
    for (double q : kFive) sum += expected.emplace_back(std::pow(q, 1 / c.result));
    for (double& q : expected) q /= sum;
    EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), expected), kBound4);
  }
  SamplerParams p = plain();
  p.dynatemp_range = 1;
  EXPECT_EQ(support(p, {3, -INFINITY}), (std::set<Token>{0}));
  EXPECT_EQ(support(p, {3, -500}), (std::set<Token>{0})) << "a temperature of 0";
  EXPECT_EQ(support(p, {3, 3}), (std::set<Token>{0, 1}));
  p.temperature = 0;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0})) << "greedy stays greedy";
}

TEST(ExtraSamplers, XtcDropsTheTopButTheLeastLikelyOfIt) {
  SamplerParams p = plain();
  p.xtc_probability = 1;
  const std::vector<std::pair<float, size_t>> cases = {{0.6f, 5},  {0.45f, 5}, {0.35f, 5},
                                                       {0.29f, 4}, {0.12f, 3}, {0.01f, 1}};
  for (const auto& [threshold, kept] : cases) {
    p.xtc_threshold = threshold;
    const std::set<Token> left = support(p, logits_of(kFive));
    EXPECT_EQ(left.size(), kept) << threshold;
    EXPECT_EQ(*left.begin(), static_cast<Token>(5 - kept)) << threshold;
  }
  p.xtc_threshold = 0.12f;
  EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), {0, 0, 0.5, 1.0 / 3, 0.5 / 3}),
            kBound4);
  p.min_keep = 3;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 3u);
  p.min_keep = 4;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 5u) << "nothing, rather than less";
  p.min_keep = 0;
  p.temperature = 0;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0})) << "greedy stays greedy";
}

TEST(ExtraSamplers, XtcHasNumbersOfItsOwn) {
  // mt19937(1): 0.417, 0.997, 0.720, 0.933, 0.0001, 0.128; a cold draw takes the best of what is left
  SamplerParams p = plain();
  p.temperature = 1e-3f;
  p.xtc_threshold = 0.12f;
  p.xtc_probability = 0.5f;
  Sampler sampler(p);
  std::vector<Token> drawn;
  for (int i = 0; i < 6; ++i) drawn.push_back(pick(sampler, logits_of(kFive)));
  EXPECT_EQ(drawn, (std::vector<Token>{2, 0, 0, 0, 2, 2}));
  // The numbers of the draw are the same with and without.
  SamplerParams off = plain(), rare = plain();
  rare.xtc_probability = 1e-6f;
  Sampler a(off), b(rare);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pick(a, logits_of(kFive)), pick(b, logits_of(kFive)));
}

}  // namespace
}  // namespace engine
