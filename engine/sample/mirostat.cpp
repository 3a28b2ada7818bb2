// Version 1 estimates from the best ones how probability falls with rank (Zipf's law) and cuts at
// the rank of the wanted surprise; version 2 cuts at the surprise itself.
#include "engine/sample/mirostat.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr size_t kRanks = 100;  // that the exponent is estimated from

}  // namespace

size_t Mirostat::kept_by_rank(Candidates& candidates, size_t n_vocab, float temperature) const {
  double sum = 0, squares = 0;
  for (size_t i = 0; i + 1 < std::min(kRanks, candidates.size()); ++i) {
    const double a = candidates[i].logit, b = candidates[i + 1].logit;
    if (b == -INFINITY) break;
    const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    sum += t * (a - b) / temperature;
    squares += t * t;
  }
  if (squares == 0) return 1;
  const double s = sum / squares, epsilon = s - 1, v = static_cast<double>(n_vocab);
  // at s = 1 the limit of 0 / 0
  const double ratio =
      std::abs(epsilon) < 1e-9 ? 1 / std::log(v) : epsilon / (1 - std::pow(v, -epsilon));
  const double k = std::pow(ratio * std::exp2(cut_), 1 / s);
  if (k >= static_cast<double>(candidates.size())) return candidates.size();
  return k >= 1 ? static_cast<size_t>(k) : 1;
}

size_t Mirostat::kept_by_surprise(Candidates& candidates, float temperature) const {
  const double total = candidates.total_weight(temperature);
  size_t n = 1;
  while (n < candidates.size() &&
         -std::log2(weight(candidates[n], candidates[0], temperature) / total) <= cut_)
    ++n;
  return n;
}

Token Mirostat::draw(Candidates& candidates, size_t n_vocab, float temperature, double u) {
  candidates.keep_front(version_ == 1 ? kept_by_rank(candidates, n_vocab, temperature)
                                      : kept_by_surprise(candidates, temperature));
  const double total = candidates.total_weight(temperature);
  const Token drawn = engine::draw(candidates, temperature, u);
  double probability = 1;
  for (const Candidate& c : candidates.raw())
    if (c.id == drawn) probability = weight(c, candidates[0], temperature) / total;
  cut_ -= eta_ * (-std::log2(probability) - tau_);
  return drawn;
}

}  // namespace engine
