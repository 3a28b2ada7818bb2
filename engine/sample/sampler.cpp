// The chain: bias and penalties on the few touched ids, the stages of samplers.inc, the draw.
#include "engine/sample/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "engine/core/check.h"

namespace engine {
namespace {

constexpr size_t kMostCandidates = 512;  // beyond, a row of logits is cheaper than its candidates

void sort_unique(std::vector<Token>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

// Options that have a member of their name; those of DRY have a struct of their own.
template <class P>
void take_named(const Options& o, P& p) {
#define OPTION(name, ...)                      \
  if constexpr (requires { p.name = o.name; }) \
    p.name = o.name;                           \
  else                                         \
    static_assert(sizeof(P) > 0 && std::string_view(#name).starts_with("dry_"), #name);
#include "engine/core/sampling_options.inc"
#undef OPTION
}

}  // namespace

SamplerParams sampler_params(const Options& o, int n_ctx) {
  SamplerParams p;
  take_named(o, p);
  p.dry.multiplier = o.dry_multiplier;
  p.dry.base = o.dry_base;
  p.dry.allowed_length = o.dry_allowed_length;
  p.dry.last_n = o.dry_penalty_last_n;
  if (p.repeat_last_n < 0) p.repeat_last_n = n_ctx;
  p.seed = o.seed;
  if (Result<std::vector<SamplerStage>> order = sampler_stages(o.samplers))
    set_order(std::move(*order), p);
  return p;
}

Sampler::Sampler(SamplerParams params)
    : params_(std::move(params)),
      seed_(params_.seed == -1 ? std::random_device{}() : static_cast<uint32_t>(params_.seed)),
      random_(seed_),
      xtc_random_(seed_),
      always_(params_.suppressed),
      dry_(params_.mirostat != 0 ? DryParams() : params_.dry),
      mirostat_(params_.mirostat, params_.mirostat_tau, params_.mirostat_eta) {
  for (const auto& [id, bias] : params_.logit_bias) always_.push_back(id);
  sort_unique(always_);
}

bool Sampler::penalizes() const {
  return !mirostat_.on() && params_.repeat_last_n != 0 &&
         (params_.repeat_penalty != 1 || params_.frequency_penalty != 0 ||
          params_.presence_penalty != 0);
}

size_t Sampler::front() const {
  if (!params_.order.empty()) return 0;
  if (params_.temperature <= 0) return 1;
  // the spread of all logits comes before top_k
  if (mirostat_.on() || params_.top_n_sigma > 0) return 0;
  return static_cast<size_t>(std::max(params_.top_k, 0));
}

void Sampler::touch() {
  if (!touched_old_) return;
  touched_ = always_;
  for (const auto& [id, count] : counts_) touched_.push_back(id);
  dry_now_ = dry_.penalties();
  for (const auto& [id, penalty] : dry_now_) touched_.push_back(id);
  sort_unique(touched_);
  touched_old_ = false;
}

OutputNeed Sampler::need(std::span<const Token> ahead) {
  touch();
  wanted_ = touched_;
  if (penalizes()) wanted_.insert(wanted_.end(), ahead.begin(), ahead.end());
  for (size_t n = 1; dry_.on() && n <= ahead.size(); ++n)
    for (const auto& [id, penalty] : dry_.penalties(ahead.first(n))) wanted_.push_back(id);
  if (!ahead.empty()) sort_unique(wanted_);
  const size_t best = front();
  OutputNeed n;
  n.kind = OutputNeed::full;
  // A filter may refuse any number of the best.
  if (filter_ == nullptr && best > 0 && best + wanted_.size() <= kMostCandidates) {
    // Even if every touched id drops out, the `best` untouched ones are among k.
    n.kind = OutputNeed::top;
    n.k = static_cast<int>(best + wanted_.size());
    n.also = wanted_;
  }
  return n;
}

void Sampler::accept(Token token) {
  if (dry_.on()) touched_old_ = true, dry_.accept(token);
  if (!penalizes()) return;
  touched_old_ = true;
  history_.push_back(token);
  ++counts_[token];
  if (params_.repeat_last_n < 0 || history_.size() <= static_cast<size_t>(params_.repeat_last_n))
    return;
  const auto oldest = counts_.find(history_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  history_.pop_front();
}

float Sampler::patched(Token id, float logit) const {
  for (const auto& [biased, bias] : params_.logit_bias)
    if (biased == id) logit += bias;
  if (std::find(params_.suppressed.begin(), params_.suppressed.end(), id) !=
      params_.suppressed.end())
    return -INFINITY;
  if (!params_.order.empty()) return logit;  // penalties come in their turn
  return dried(id, penalized(id, logit));
}

float Sampler::penalized(Token id, float logit) const {
  const auto hit = counts_.find(id);
  if (hit != counts_.end()) {
    logit = logit <= 0 ? logit * params_.repeat_penalty : logit / params_.repeat_penalty;
    logit -= static_cast<float>(hit->second) * params_.frequency_penalty + params_.presence_penalty;
  }
  return logit;
}

float Sampler::dried(Token id, float logit) const {
  const auto dry = std::lower_bound(dry_now_.begin(), dry_now_.end(), std::pair(id, -INFINITY));
  return dry != dry_now_.end() && dry->first == id ? logit - dry->second : logit;
}

// The chain sees what it would see if all other logits were minus infinity. Where the k best allowed
// ones are enough for it, they are found by checking the best ones of the row one by one, which is
// much cheaper than the mask of the vocabulary; most often the first k are allowed.
void Sampler::assign_allowed(std::span<float> logits) {
  std::vector<std::pair<size_t, float>> raw;  // of the touched ids: others read them as they were
  for (Token id : touched_)
    if (id >= 0 && static_cast<size_t>(id) < logits.size()) {
      const auto i = static_cast<size_t>(id);
      raw.emplace_back(i, logits[i]);
      logits[i] = patched(id, logits[i]);
    }
  std::vector<Candidate> allowed;
  const size_t best = front();
  bool complete = false;
  if (best > 0 && best <= kMostCandidates) {
    const size_t look = std::max<size_t>(2 * best, 64);
    const std::vector<Candidate> front = best_of(logits, look);
    for (const Candidate& c : front) {
      if (filter_->allows(c.id)) allowed.push_back(c);
      if (allowed.size() == best) break;
    }
    complete = allowed.size() == best || front.size() < look;
  }
  if (!complete) {
    allowed.clear();
    const std::span<const uint64_t> mask = filter_->mask();
    for (size_t word = 0; word < mask.size(); ++word)
      for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
        const size_t i = word * 64 + static_cast<size_t>(std::countr_zero(bits));
        if (i < logits.size() && logits[i] > -INFINITY)
          allowed.push_back({static_cast<Token>(i), logits[i]});
      }
  }
  candidates_.assign(allowed);
  for (const auto& [i, logit] : raw) logits[i] = logit;
}

Token Sampler::pick(const RowOutput& output) {
  touch();
  if (filter_ != nullptr) {
    assign_allowed(output.full);
    if (candidates_.size() == 0) return kNothing;
  } else if (output.full.empty()) {
    candidates_.assign(output.top);
    if (!touched_.empty())
      for (Candidate& c : candidates_.raw())
        if (std::binary_search(touched_.begin(), touched_.end(), c.id))
          c.logit = patched(c.id, c.logit);
  } else {
    candidates_.assign(output.full);
    const std::span<Candidate> all = candidates_.raw();
    for (Token id : touched_)
      if (id >= 0 && static_cast<size_t>(id) < all.size())
        all[static_cast<size_t>(id)].logit = patched(id, all[static_cast<size_t>(id)].logit);
  }
  ENGINE_CHECK(candidates_.size() > 0, "a row without candidates");
  const double u = uniform();
  const float chance = xtc_chance();
  if (!params_.order.empty()) return pick_in_order(u, chance);
  if (params_.temperature <= 0) candidates_.keep_front(1);
  if (mirostat_.on() && params_.temperature > 0 && std::isfinite(candidates_[0].logit))
    return mirostat_.draw(candidates_, output.full.size(), params_.temperature, u);
  if (candidates_.size() == 1 || !std::isfinite(candidates_[0].logit)) return candidates_[0].id;
#define SAMPLER(name) name(candidates_, params_, chance);
#include "engine/sample/samplers.inc"
  return draw(candidates_, draw_temperature(candidates_, params_), u);
}

// 53 random bits out of 64, low word first: the same on every standard library.
double Sampler::uniform() {
  const double low = random_(), high = random_();
  return std::min((low + high * 0x1p32) * 0x1p-64, 1.0 - 0x1p-53);
}

float Sampler::xtc_chance() {
  if (params_.xtc_probability <= 0 || params_.xtc_threshold > 0.5f) return 1;
  return std::min(static_cast<float>(xtc_random_()) * 0x1p-32f, 1.0f - 0x1p-24f);
}

}  // namespace engine
