// merge_top: from the groups of a row to its candidates.
#include "kernels/top.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/kernels/problem.h"

namespace engine::test {
namespace {

struct Top {
  Top(std::vector<float> logits, OutputNeed need, int k_max) : x(std::move(logits)), needs{need} {
    const int64_t groups = (static_cast<int64_t>(x.size()) + kTopGroup - 1) / kTopGroup;
    best.resize(static_cast<size_t>(groups * k_max));
    counts.resize(static_cast<size_t>(groups)), max.resize(static_cast<size_t>(groups)),
        sum.resize(static_cast<size_t>(groups));
    step.n_out = 1;
    step.needs = needs;
    args = {make_tensor(reinterpret_cast<std::byte*>(x.data()), DType::f32,
                        static_cast<int64_t>(x.size())),
            best.data(),
            counts.data(),
            max.data(),
            sum.data(),
            k_max,
            &step};
    const Registry<cpu::Ctx> registry(cpu::all_kernels());
    const CpuKernel* k = registry.scalar(Op::top_logits, DType::f32, DType::f32);
    cpu::Ctx ctx;
    k->run(&args, {0, k->items(&args)}, ctx);
    out.resize(static_cast<size_t>(need.k) + need.also.size());
    result = merge_top(args, 0, out.data());
    out.resize(static_cast<size_t>(result.count));
  }

  std::vector<Token> ids() const {
    std::vector<Token> v;
    for (const Candidate& c : out) v.push_back(c.id);
    return v;
  }

  std::vector<float> x;
  std::vector<OutputNeed> needs;
  std::vector<Candidate> best, out;
  std::vector<int32_t> counts;
  std::vector<float> max, sum;
  StepState step;
  TopArgs args;
  TopResult result;
};

OutputNeed top_need(int k, bool sums = false, std::span<const Token> also = {}) {
  OutputNeed n;
  n.kind = OutputNeed::top, n.k = k, n.logsumexp = sums, n.also = also;
  return n;
}

TEST(MergeTop, OrdersAcrossGroupsAndTiesByLowestId) {
  Rng rng(1);
  std::vector<float> x(30000);
  for (float& v : x) v = static_cast<float>(rng.below(200));
  std::vector<Token> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Token a, Token b) {
    return x[static_cast<size_t>(a)] > x[static_cast<size_t>(b)];
  });
  for (int k : {1, 2, 40, 1000}) {
    const Top top(x, top_need(k), 1000);
    EXPECT_EQ(top.ids(), std::vector<Token>(order.begin(), order.begin() + k)) << k;
  }
}

TEST(MergeTop, LogSumExpIsThatOfTheWholeRow) {
  Rng rng(2);
  std::vector<float> x(20000);
  double total = 0;
  for (float& v : x) v = rng.uniform(-20, 20), total += std::exp(static_cast<double>(v));
  EXPECT_NEAR(Top(x, top_need(5, true), 5).result.logsumexp, std::log(total), 1e-4);
  EXPECT_EQ(Top(x, top_need(5, false), 5).result.logsumexp, 0);
}

TEST(MergeTop, NamedIdsAlwaysJoinOnceAndInOrder) {
  std::vector<float> x(10000, 0.0f);
  x[9000] = 5, x[3] = 4, x[7] = 3, x[8] = -9;
  const std::vector<Token> also{8, 9000, 8, 7, -1, 10000, 50};
  const Top top(x, top_need(2, false, also), 2);
  EXPECT_EQ(top.ids(), (std::vector<Token>{9000, 3, 7, 50, 8}));
  EXPECT_EQ(top.out[4].logit, -9);
}

TEST(MergeTop, TakesFewerWordsThanAsked) {
  EXPECT_EQ(Top({1, 3, 2}, top_need(40), 40).ids(), (std::vector<Token>{1, 2, 0}));
  EXPECT_TRUE(Top({1, 3, 2}, top_need(0), 40).ids().empty());
}

TEST(MergeTop, NoNumbersComeLast) {
  const float nan = std::nanf("");
  const Top top({nan, 1, -INFINITY, nan, 2}, top_need(5), 5);
  EXPECT_EQ(top.ids(), (std::vector<Token>{4, 1, 0, 2, 3}));
  EXPECT_EQ(Top({nan, nan}, top_need(1, true), 1).ids(), (std::vector<Token>{0}));
  EXPECT_EQ(Top({-INFINITY, -INFINITY}, top_need(1, true), 1).result.logsumexp, -INFINITY);
}

}  // namespace
}  // namespace engine::test
