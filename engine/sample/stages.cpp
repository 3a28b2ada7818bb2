// The stages: each looks at as few candidates as its rule allows.
#include "engine/sample/stages.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "engine/sample/sampler.h"

namespace engine {
namespace {

bool before(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

// Sorting needs an order: what is not a number is impossible, and infinity is a very large number.
float orderly(float logit) {
  return std::isnan(logit) ? -INFINITY : std::min(logit, FLT_MAX);
}

constexpr size_t kFirstLook = 256;

size_t least(const SamplerParams& p) {
  return static_cast<size_t>(std::max(p.min_keep, 0));
}

}  // namespace

void Candidates::assign(std::span<const Candidate> some) {
  c_.assign(some.begin(), some.end());
  for (Candidate& c : c_) c.logit = orderly(c.logit);
  ordered_ = 0;
}

void Candidates::assign(std::span<const float> logits) {
  c_.resize(logits.size());
  for (size_t i = 0; i < c_.size(); ++i) c_[i] = {static_cast<Token>(i), orderly(logits[i])};
  ordered_ = 0;
}

std::vector<Candidate> best_of(std::span<const float> logits, size_t n) {
  std::vector<Candidate> out;
  out.reserve(2 * n);
  float floor = -INFINITY;  // below the n best so far; the same logit with a higher id is no better
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > floor)) continue;
    out.push_back({static_cast<Token>(i), orderly(logits[i])});
    if (out.size() < 2 * n) continue;
    std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n - 1), out.end(),
                     before);
    out.resize(n);
    floor = out.back().logit;
  }
  std::sort(out.begin(), out.end(), before);
  if (out.size() > n) out.resize(n);
  return out;
}

void Candidates::order(size_t n) {
  // Growing in steps: whoever looks at one more will look at many more.
  n = std::min(c_.size(), std::max({n, ordered_ * 4, kFirstLook}));
  const auto begin = c_.begin() + static_cast<std::ptrdiff_t>(ordered_),
             middle = c_.begin() + static_cast<std::ptrdiff_t>(n);
  if (middle != c_.end()) std::nth_element(begin, middle, c_.end(), before);
  std::sort(begin, middle, before);
  ordered_ = n;
}

void Candidates::keep_front(size_t n) {
  if (n >= c_.size()) return;
  if (n > ordered_) order(n);
  c_.resize(n);
  ordered_ = std::min(ordered_, n);
}

void Candidates::drop_front(size_t n) {
  if (n > ordered_) order(n);
  c_.erase(c_.begin(), c_.begin() + static_cast<std::ptrdiff_t>(n));
  ordered_ -= n;
}

void Candidates::keep_above(float logit, size_t least) {
  least = std::clamp<size_t>(least, 1, c_.size());
  if (least > ordered_) order(least);
  const Candidate best = c_[0];
  size_t in_front = 0;
  while (in_front < ordered_ && c_[in_front].logit >= logit) ++in_front;
  if (in_front < ordered_) return keep_front(std::max(in_front, least));
  std::erase_if(c_, [&](const Candidate& c) { return c.logit < logit && c.id != best.id; });
}

float weight(const Candidate& c, const Candidate& best, float temperature) {
  return std::exp((c.logit - best.logit) / temperature);
}

double Candidates::total_weight(float temperature) {
  const Candidate best = (*this)[0];
  double sum = 0;
  for (const Candidate& c : c_) sum += weight(c, best, temperature);
  return sum;
}

size_t Candidates::possible() const {
  return static_cast<size_t>(
      std::count_if(c_.begin(), c_.end(), [](const Candidate& c) { return c.logit > -INFINITY; }));
}

namespace {

// total: the weight of all at temperature 1
double entropy_of(Candidates& candidates, double total) {
  const Candidate best = candidates[0];
  double entropy = 0;
  for (const Candidate& c : candidates.raw())
    if (const double q = weight(c, best, 1) / total; q > 0) entropy -= q * std::log(q);
  return entropy;
}

}  // namespace

// Population standard deviation of what is possible.
void top_n_sigma(Candidates& candidates, const SamplerParams& p, float) {
  if (p.top_n_sigma <= 0) return;
  double n = 0, sum = 0, squares = 0;
  for (const Candidate& c : candidates.raw())
    if (c.logit > -INFINITY) sum += c.logit, ++n;
  for (const Candidate& c : candidates.raw())
    if (c.logit > -INFINITY) squares += (c.logit - sum / n) * (c.logit - sum / n);
  const double floor = candidates[0].logit - p.top_n_sigma * std::sqrt(squares / n);
  candidates.keep_above(static_cast<float>(std::max<double>(floor, -FLT_MAX)));
}

void top_k(Candidates& candidates, const SamplerParams& p, float) {
  if (p.top_k > 0) candidates.keep_front(static_cast<size_t>(p.top_k));
}

void typical_p(Candidates& candidates, const SamplerParams& p, float) {
  if (p.typical_p >= 1) return;
  const Candidate best = candidates[0];
  const double total = candidates.total_weight(1);
  const double entropy = entropy_of(candidates, total);
  struct Typical {
    double distance, probability;
    Candidate candidate;
  };
  std::vector<Typical> all;
  for (const Candidate& c : candidates.raw()) {
    const double q = weight(c, best, 1) / total;
    // |-ln q - H|
    all.push_back({std::abs((c.logit - best.logit) - std::log(total) + entropy), q, c});
  }
  std::sort(all.begin(), all.end(), [](const Typical& a, const Typical& b) {
    return a.distance < b.distance ||
           (a.distance == b.distance && before(a.candidate, b.candidate));
  });
  std::vector<Candidate> kept;
  double mass = 0;
  for (const Typical& t : all) {
    kept.push_back(t.candidate);
    mass += t.probability;
    if (mass > p.typical_p && kept.size() >= least(p)) break;
  }
  candidates.keep(std::move(kept));
}

void top_p(Candidates& candidates, const SamplerParams& p, float) {
  if (p.top_p >= 1) return;
  const double target = p.top_p * candidates.total_weight(1);
  double mass = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    mass += weight(candidates[i], candidates[0], 1);
    if (mass >= target && i + 1 >= least(p)) return candidates.keep_front(i + 1);
  }
}

void min_p(Candidates& candidates, const SamplerParams& p, float) {
  if (p.min_p > 0) candidates.keep_above(candidates[0].logit + std::log(p.min_p), least(p));
}

void xtc(Candidates& candidates, const SamplerParams& p, float chance) {
  if (p.xtc_probability <= 0 || p.xtc_threshold > 0.5f || chance > p.xtc_probability) return;
  const double total = candidates.total_weight(1);
  const size_t n = candidates.possible();
  size_t likely = 0;
  while (likely < n && weight(candidates[likely], candidates[0], 1) / total >= p.xtc_threshold)
    ++likely;
  if (likely > 1 && n - (likely - 1) >= least(p)) candidates.drop_front(likely - 1);
}

float draw_temperature(Candidates& candidates, const SamplerParams& p) {
  const size_t n = p.dynatemp_range > 0 ? candidates.possible() : 0;
  if (n <= 1) return p.temperature;
  const double evenness =
      entropy_of(candidates, candidates.total_weight(1)) / std::log(static_cast<double>(n));
  const float low = std::max(0.0f, p.temperature - p.dynatemp_range),
              high = p.temperature + p.dynatemp_range;
  return low + (high - low) * static_cast<float>(std::pow(evenness, p.dynatemp_exponent));
}

Token draw(Candidates& candidates, float temperature, double u) {
  if (temperature <= 0) return candidates[0].id;
  const double target = u * candidates.total_weight(temperature);
  double sum = 0;
  Token last = candidates[0].id;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const float w = weight(candidates[i], candidates[0], temperature);
    if (!(w > 0)) break;
    last = candidates[i].id;
    sum += w;
    if (sum >= target) break;
  }
  return last;  // also when rounding leaves the sum short of the target
}

}  // namespace engine
