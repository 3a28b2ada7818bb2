#include "engine/sample/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/check.h"

namespace engine {
namespace {

using Candidates = std::vector<Candidate>;
constexpr int kMostCandidates = 512;  // beyond, a row of logits is cheaper than its candidates

bool before(const Candidate& a, const Candidate& b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

// exp(l - max) of each candidate. Requires: sorted, not empty.
std::vector<double> weights(const Candidates& c) {
  std::vector<double> w(c.size());
  for (size_t i = 0; i < c.size(); ++i) w[i] = std::exp(c[i].logit - c[0].logit);
  return w;
}

void top_k(Candidates& c, const SamplerParams& p) {
  if (p.top_k > 0 && c.size() > static_cast<size_t>(p.top_k)) c.resize(static_cast<size_t>(p.top_k));
}

void typical_p(Candidates& c, const SamplerParams& p) {
  if (p.typical_p >= 1) return;
  std::vector<double> w = weights(c);
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  double entropy = 0;
  for (double& v : w) {
    v /= sum;
    if (v > 0) entropy -= v * std::log(v);
  }
  std::vector<size_t> order(c.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto surprise = [&](size_t i) { return std::abs(-std::log(w[i]) - entropy); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return surprise(a) < surprise(b); });
  double mass = 0;
  size_t keep = 0;
  while (keep < order.size()) {
    mass += w[order[keep++]];
    if (mass > p.typical_p) break;
  }
  Candidates kept;
  for (size_t i = 0; i < keep; ++i) kept.push_back(c[order[i]]);
  std::sort(kept.begin(), kept.end(), before);
  c = std::move(kept);
}

void top_p(Candidates& c, const SamplerParams& p) {
  if (p.top_p >= 1) return;
  const std::vector<double> w = weights(c);
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  double mass = 0;
  size_t keep = 0;
  while (keep < c.size()) {
    mass += w[keep++] / sum;
    if (mass >= p.top_p) break;
  }
  c.resize(std::max<size_t>(1, keep));
}

void min_p(Candidates& c, const SamplerParams& p) {
  if (p.min_p <= 0) return;
  const float lowest = c[0].logit + std::log(p.min_p);
  size_t keep = 1;
  while (keep < c.size() && c[keep].logit >= lowest) ++keep;
  c.resize(keep);
}

void temperature(Candidates& c, const SamplerParams& p) {
  if (p.temperature <= 0) return c.resize(1);
  for (Candidate& x : c) x.logit /= p.temperature;
}

}  // namespace

Sampler::Sampler(SamplerParams params)
    : params_(std::move(params)),
      seed_(params_.seed == -1 ? std::random_device{}() : static_cast<uint32_t>(params_.seed)),
      random_(seed_) {}

bool Sampler::penalties() const {
  return params_.repeat_last_n != 0 && (params_.repeat_penalty != 1 || params_.frequency_penalty != 0 || params_.presence_penalty != 0);
}

OutputNeed Sampler::need() {
  touched_ = params_.suppressed;
  for (const auto& [id, bias] : params_.logit_bias) touched_.push_back(id);
  if (penalties()) touched_.insert(touched_.end(), history_.begin(), history_.end());
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  const int wanted = params_.temperature <= 0 ? 1 : params_.top_k;
  const int k = wanted + static_cast<int>(touched_.size());
  OutputNeed n;
  if (wanted <= 0 || params_.typical_p < 1 || k > kMostCandidates) {
    n.kind = OutputNeed::full;
  } else {
    n.kind = OutputNeed::top;
    n.k = k;
    n.also = touched_;
  }
  return n;
}

void Sampler::accept(Token token) {
  if (!penalties()) return;
  history_.push_back(token);
  if (params_.repeat_last_n > 0 && history_.size() > static_cast<size_t>(params_.repeat_last_n)) history_.pop_front();
}

// Bias, suppression and penalties, in this order, on raw logits.
void Sampler::patch(Candidates& candidates) const {
  if (touched_.empty()) return;
  for (Candidate& c : candidates) {
    if (!std::binary_search(touched_.begin(), touched_.end(), c.id)) continue;
    for (const auto& [id, bias] : params_.logit_bias)
      if (id == c.id) c.logit += bias;
    if (std::find(params_.suppressed.begin(), params_.suppressed.end(), c.id) != params_.suppressed.end()) c.logit = -INFINITY;
    const auto count = penalties() ? std::count(history_.begin(), history_.end(), c.id) : 0;
    if (count > 0) {
      c.logit = c.logit <= 0 ? c.logit * params_.repeat_penalty : c.logit / params_.repeat_penalty;
      c.logit -= static_cast<float>(count) * params_.frequency_penalty + params_.presence_penalty;
    }
  }
}

Token Sampler::pick(const RowOutput& output) {
  Candidates& c = work_;
  if (output.full.empty()) {
    c.assign(output.top.begin(), output.top.end());
  } else {
    c.resize(output.full.size());
    for (size_t i = 0; i < c.size(); ++i) c[i] = {static_cast<Token>(i), output.full[i]};
  }
  ENGINE_CHECK(!c.empty(), "a row without candidates");
  patch(c);
  // What the first stage keeps is all that has to be sorted.
  const size_t wanted = params_.temperature <= 0 ? 1 : params_.top_k > 0 ? static_cast<size_t>(params_.top_k) : c.size();
  if (wanted < c.size()) {
    std::partial_sort(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(wanted), c.end(), before);
    c.resize(wanted);
  } else {
    std::sort(c.begin(), c.end(), before);
  }
  while (c.size() > 1 && !std::isfinite(c.back().logit)) c.pop_back();  // suppressed, or not a number
#define SAMPLER(name) name(c, params_);
#include "engine/sample/samplers.inc"
  return draw(c);
}

Token Sampler::draw(const Candidates& c) {
  // 53 random bits, low word first: the same on every standard library.
  const double low = random_(), high = random_();
  const double u = std::min((low + high * 4294967296.0) / 18446744073709551616.0, 1.0 - 0x1p-53);
  const std::vector<double> w = weights(c);
  const double target = u * std::accumulate(w.begin(), w.end(), 0.0);
  double sum = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    sum += w[i];
    if (sum >= target) return c[i].id;
  }
  return c.back().id;
}

}  // namespace engine
