// What a sampler draws, often enough to see its distribution.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "engine/sample/sampler.h"

namespace engine {

inline std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> out;
  for (double p : probabilities) out.push_back(static_cast<float>(std::log(p)));
  return out;
}

inline SamplerParams plain() {
  SamplerParams p;
  p.temperature = 1;
  p.top_k = 0;
  p.top_p = 1;
  p.seed = 1;
  return p;
}

// What a backend returns for this need.
inline Token pick(Sampler& sampler, std::vector<float> logits) {
  const OutputNeed need = sampler.need();
  RowOutput row;
  std::vector<Candidate> top;
  if (need.kind == OutputNeed::full) {
    row.full = logits;
    return sampler.pick(row);
  }
  EXPECT_EQ(need.kind, OutputNeed::top);
  for (size_t i = 0; i < logits.size(); ++i) top.push_back({static_cast<Token>(i), logits[i]});
  std::stable_sort(top.begin(), top.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  std::vector<Candidate> out;
  for (size_t i = 0; i < top.size(); ++i)
    if (i < static_cast<size_t>(need.k) ||
        std::find(need.also.begin(), need.also.end(), top[i].id) != need.also.end())
      out.push_back(top[i]);
  row.top = out;
  return sampler.pick(row);
}

inline std::map<Token, int> frequencies(const SamplerParams& params,
                                        const std::vector<float>& logits, int n = 4000) {
  Sampler sampler(params);
  std::map<Token, int> out;
  for (int i = 0; i < n; ++i) ++out[pick(sampler, logits)];
  return out;
}

inline std::set<Token> support(const SamplerParams& params, const std::vector<float>& logits) {
  std::set<Token> out;
  for (const auto& [id, count] : frequencies(params, logits)) out.insert(id);
  return out;
}

// Pearson's statistic against expected probabilities, id by id; 0 probability must not occur.
inline double chi_square(const std::map<Token, int>& counts, const std::vector<double>& p) {
  int n = 0;
  double sum = 0;
  for (const auto& [id, count] : counts) n += count;
  for (size_t i = 0; i < p.size(); ++i) {
    const auto hit = counts.find(static_cast<Token>(i));
    const double seen = hit == counts.end() ? 0 : hit->second;
    if (p[i] == 0) {
      EXPECT_EQ(seen, 0) << "token " << i;
    } else {
      sum += (seen - n * p[i]) * (seen - n * p[i]) / (n * p[i]);
    }
  }
  return sum;
}

inline const std::vector<double> kFive = {0.4, 0.3, 0.15, 0.1, 0.05};
constexpr double kBound4 = 18.5;  // chi-square, 4 degrees of freedom, 0.1 %

}  // namespace engine
