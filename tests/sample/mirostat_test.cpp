// Mirostat: cuts and their movement, worked out by hand.
#include "engine/sample/mirostat.h"

#include <gtest/gtest.h>

#include "tests/sample/draws.h"

namespace engine {
namespace {

Candidates of(const std::vector<float>& logits) {
  Candidates c;
  c.assign(logits);
  return c;
}

// Surprise in bits of kFive: 1.322, 1.737, 2.737, 3.322, 4.322.
TEST(Mirostat, SecondVersionCutsAtTheSurprise) {
  const std::vector<std::pair<float, size_t>> cases = {{0, 1},    {0.8f, 1}, {0.9f, 2}, {1.3f, 2},
                                                       {1.4f, 3}, {1.7f, 4}, {2.2f, 5}, {100, 5}};
  for (const auto& [tau, kept] : cases) {
    SamplerParams p = plain();
    p.mirostat = 2, p.mirostat_tau = tau, p.mirostat_eta = 0;
    EXPECT_EQ(support(p, logits_of(kFive)).size(), kept) << tau;
  }
  SamplerParams p = plain();
  p.mirostat = 2, p.mirostat_tau = 0.9f, p.mirostat_eta = 0;
  EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), {4.0 / 7, 3.0 / 7, 0, 0, 0}),
            kBound4);
}

TEST(Mirostat, TheCutMovesWithWhatIsDrawn) {
  Mirostat m(2, 1.4f, 1);
  EXPECT_NEAR(m.cut(), 2.8, 1e-6);
  Candidates c = of(logits_of(kFive));
  EXPECT_EQ(m.draw(c, 5, 1, 0), 0);  // of three: 0.4 / 0.85, 1.08746 bits
  EXPECT_NEAR(m.cut(), 2.8 - (1.08746 - 1.4), 1e-4);
  c = of(logits_of(kFive));              // up to 3.1125: three again
  EXPECT_EQ(m.draw(c, 5, 1, 0.999), 2);  // 0.15 / 0.85, 2.50250 bits
  EXPECT_NEAR(m.cut(), 3.11254 - (2.50250 - 1.4), 1e-4);
}

TEST(Mirostat, FirstVersionCutsAtTheRank) {
  // 0.8 and 0.2: s = ln 4 / ln 2 = 2, k = sqrt(2^cut / (1 - 1/2)) = 2^((cut + 1) / 2)
  const std::vector<float> two = logits_of({0.8, 0.2});
  Mirostat narrow(1, 0.4f, 0.1f), wide(1, 0.55f, 0.1f);
  Candidates c = of(two);
  EXPECT_EQ(narrow.draw(c, 2, 1, 0.99), 0);  // 2^0.9 = 1.87
  EXPECT_NEAR(narrow.cut(), 0.8 + 0.1 * 0.4, 1e-5);
  c = of(two);
  EXPECT_EQ(wide.draw(c, 2, 1, 0.99), 1);  // 2^1.05 = 2.07; 2.32193 bits
  EXPECT_NEAR(wide.cut(), 1.1 - 0.1 * (2.32193 - 0.55), 1e-5);
  // s = 1: k = 2^cut / ln 2
  const std::vector<float> one = logits_of({2.0 / 3, 1.0 / 3});
  for (const auto& [tau, drawn] : {std::pair{0.2f, 0}, {0.3f, 1}}) {
    Mirostat m(1, tau, 0.1f);  // 2^0.4 / ln 2 = 1.90, 2^0.6 / ln 2 = 2.19
    c = of(one);
    EXPECT_EQ(m.draw(c, 2, 1, 0.99), drawn) << tau;
  }
}

TEST(Mirostat, OneCandidateAndFlatRows) {
  for (int version : {1, 2}) {
    Mirostat m(version, 5, 0.1f);
    Candidates c = of({3});
    EXPECT_EQ(m.draw(c, 1, 1, 0.5), 0);
    EXPECT_NEAR(m.cut(), 10 + 0.1 * 5, 1e-5) << "no surprise";
    c = of({3, -INFINITY, -INFINITY});
    EXPECT_EQ(m.draw(c, 3, 1, 0.99), 0);
    c = of(std::vector<float>(300, 1.0f));
    EXPECT_GE(m.draw(c, 300, 1, 0.99), 0);
    EXPECT_TRUE(std::isfinite(m.cut()));
  }
}

TEST(Mirostat, ReplacesTheOtherStages) {
  SamplerParams p = plain();
  p.mirostat = 2, p.mirostat_tau = 100;
  p.top_k = 1, p.top_p = 0, p.min_p = 1, p.top_n_sigma = 0.01f, p.presence_penalty = 1000;
  p.xtc_probability = 1;
  EXPECT_EQ(Sampler(p).need().kind, OutputNeed::full);
  EXPECT_LT(chi_square(frequencies(p, logits_of(kFive), 20000), kFive), kBound4);
  Sampler sampler(p);
  for (int i = 0; i < 10; ++i) sampler.accept(0);
  EXPECT_TRUE(sampler.need().also.empty()) << "no penalties";
  p.logit_bias = {{4, 100.0f}};
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{4})) << "bias counts";
  p = plain();
  p.mirostat = 1, p.temperature = 0;
  EXPECT_EQ(Sampler(p).need().k, 1);
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0})) << "greedy stays greedy";
  p = plain();  // temperature comes before the cut: at 0.3 the second has 1.90 bits
  p.mirostat = 2, p.mirostat_eta = 0, p.mirostat_tau = 0.9f;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 2u);
  p.temperature = 0.3f;
  EXPECT_EQ(support(p, logits_of(kFive)).size(), 1u);
}

}  // namespace
}  // namespace engine
