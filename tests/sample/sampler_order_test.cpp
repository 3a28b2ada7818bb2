// Orders of the chain that requests ask for.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/core/sampler_stages.h"
#include "tests/sample/draws.h"

namespace engine {
namespace {

using Stages = std::vector<SamplerStage>;

TEST(SamplerOrder, NamesAndLetters) {
  const Stages usual = {
      SamplerStage::penalties, SamplerStage::dry,       SamplerStage::top_n_sigma,
      SamplerStage::top_k,     SamplerStage::typical_p, SamplerStage::top_p,
      SamplerStage::min_p,     SamplerStage::xtc,       SamplerStage::temperature};
  EXPECT_EQ(*sampler_stages({"edskypmxt"}), usual);
  EXPECT_EQ(*sampler_stages({"penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p",
                             "xtc", "temperature"}),
            usual);
  EXPECT_EQ(*sampler_stages({"temp", "nucleus", "typical"}),
            (Stages{SamplerStage::temperature, SamplerStage::top_p, SamplerStage::typical_p}));
  EXPECT_EQ(*sampler_stages({"top_k"}), Stages{SamplerStage::top_k}) << "a name, not letters";
  EXPECT_EQ(*sampler_stages({}), Stages());
  EXPECT_TRUE(sampler_stages({"kz"}).error().message.starts_with(
      "option \"samplers\": unknown sampler \"kz\"; there are penalties (e), dry (d), "));
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"top_k", "tail_free"}, {"k", "p"}, {std::string(33, 'k')}})
    EXPECT_FALSE(sampler_stages(bad)) << bad[0];
}

TEST(SamplerOrder, OptionsAreChecked) {
  Options o;
  ASSERT_TRUE(apply_options(Json::parse(R"({"samplers":"kt"})"), o));
  EXPECT_EQ(o.samplers, std::vector<std::string>{"kt"});
  EXPECT_TRUE(check_options(o));
  ASSERT_TRUE(apply_options(Json::parse(R"({"samplers":["top_k","top_q"]})"), o));
  EXPECT_FALSE(check_options(o));
  EXPECT_FALSE(apply_options(Json::parse(R"({"samplers":[1]})"), o));
}

SamplerParams ordered(SamplerParams p, const char* letters) {
  set_order(*sampler_stages({letters}), p);
  return p;
}

TEST(SamplerOrder, WhatIsLeftOutIsOff) {
  SamplerParams p = plain();
  p.top_k = 1;
  p.min_p = 0.9f;
  EXPECT_EQ(support(p, logits_of(kFive)), (std::set<Token>{0}));
  EXPECT_EQ(support(ordered(p, "pt"), logits_of(kFive)).size(), 5u);
  EXPECT_EQ(support(ordered(p, "mt"), logits_of(kFive)).size(), 1u);
  p = plain();
  p.temperature = 0;
  EXPECT_EQ(support(ordered(p, "k"), logits_of(kFive)).size(), 5u) << "without temperature: 1";
  EXPECT_EQ(support(ordered(p, "i"), logits_of(kFive)).size(), 5u) << "infill changes nothing";
  p.repeat_penalty = 100;
  Sampler with(ordered(p, "et")), without(ordered(p, "kt"));
  with.accept(0), without.accept(0);
  EXPECT_EQ(pick(with, {5, 4, 3}), 1);
  EXPECT_EQ(pick(without, {5, 4, 3}), 0);
}

TEST(SamplerOrder, APartOfTheUsualOrderIsTheUsualChain) {
  SamplerParams p = plain();
  p.top_k = 3;
  const SamplerParams part = ordered(p, "ekpt");
  EXPECT_TRUE(part.order.empty());
  Sampler sampler(part);
  EXPECT_EQ(sampler.need().kind, OutputNeed::top) << "a few candidates are enough";
  EXPECT_FALSE(ordered(p, "tk").order.empty());
  EXPECT_EQ(Sampler(ordered(p, "tk")).need().kind, OutputNeed::full);
  p.mirostat = 2;
  EXPECT_TRUE(ordered(p, "tk").order.empty()) << "mirostat stands in the place of all";
}

// 0.4, 0.3, ... at temperature 2 are 0.30, 0.26, 0.18, ...
TEST(SamplerOrder, TemperatureBeforeTopP) {
  SamplerParams p = plain();
  p.temperature = 2;
  p.top_p = 0.65f;
  EXPECT_EQ(support(ordered(p, "pt"), logits_of(kFive)), (std::set<Token>{0, 1}));
  EXPECT_EQ(support(ordered(p, "tp"), logits_of(kFive)), (std::set<Token>{0, 1, 2}));
  std::vector<double> flat;
  double sum = 0;
  for (const double q : kFive) flat.push_back(std::sqrt(q)), sum += flat.back();
  for (double& q : flat) q /= sum;
  p.top_p = 1;
  EXPECT_LT(chi_square(frequencies(ordered(p, "tp"), logits_of(kFive)), flat), kBound4);
}

TEST(SamplerOrder, PenaltiesBehindTopK) {
  SamplerParams p = plain();
  p.temperature = 0;
  p.top_k = 2;
  p.presence_penalty = 10;
  const auto drawn = [&](const char* letters) {
    Sampler sampler(ordered(p, letters));
    sampler.accept(0), sampler.accept(1);
    return pick(sampler, {5, 4, 3, 2});
  };
  EXPECT_EQ(drawn("ekt"), 2);
  EXPECT_EQ(drawn("ket"), 0) << "the two that are left have the same penalty";
  EXPECT_EQ(drawn("ke"), drawn("ke")) << "the seed alone decides";
}

TEST(SamplerOrder, GreedyIsTheBestBehindThePenalties) {
  SamplerParams p = plain();
  p.temperature = 0;
  p.xtc_probability = 1;
  p.typical_p = 0.2f;
  EXPECT_EQ(support(ordered(p, "xykt"), logits_of(kFive)), (std::set<Token>{0}));
  EXPECT_EQ(support(ordered(p, "tyx"), logits_of(kFive)), (std::set<Token>{0}));
}

TEST(SamplerOrder, ABiasComesBeforeAll) {
  SamplerParams p = plain();
  p.top_k = 1;
  p.logit_bias = {{4, 10.0f}};
  p.suppressed = {0};
  EXPECT_EQ(support(ordered(p, "tk"), logits_of(kFive)), (std::set<Token>{4}));
  p.logit_bias.clear();
  EXPECT_EQ(support(ordered(p, "tk"), logits_of(kFive)), (std::set<Token>{1}));
}

struct Odd : TokenFilter {
  bool allows(Token t) override { return t % 2 == 1; }
  std::span<const uint64_t> mask() override { return bits; }
  void accept(Token) override {}
  std::vector<uint64_t> bits{0xaaaaaaaaaaaaaaaaull};
};

TEST(SamplerOrder, AFilterComesBeforeAll) {
  SamplerParams p = plain();
  p.top_k = 1;
  Odd odd;
  Sampler sampler(ordered(p, "tk"));
  sampler.restrict_to(&odd);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pick(sampler, logits_of(kFive)), 1);
}

}  // namespace
}  // namespace engine
