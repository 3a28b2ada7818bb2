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

}  // namespace
}  // namespace engine
