// Orders of the chain that a request asks for. Those that agree with the usual order are the usual
// chain with some stages off; any other one runs here, over all logits, stage by stage.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "engine/sample/sampler.h"

namespace engine {

void set_order(std::vector<SamplerStage> order, SamplerParams& p) {
  if (order.empty() || p.mirostat != 0) return;
  const SamplerParams off = [] {
    SamplerParams o;
    o.repeat_last_n = o.top_k = 0;
    o.temperature = o.top_p = 1;
    return o;
  }();
  const auto lacks = [&](SamplerStage s) {
    return std::find(order.begin(), order.end(), s) == order.end();
  };
  if (lacks(SamplerStage::penalties)) p.repeat_last_n = off.repeat_last_n;
  if (lacks(SamplerStage::dry)) p.dry.multiplier = off.dry.multiplier;
  if (lacks(SamplerStage::top_n_sigma)) p.top_n_sigma = off.top_n_sigma;
  if (lacks(SamplerStage::top_k)) p.top_k = off.top_k;
  if (lacks(SamplerStage::typical_p)) p.typical_p = off.typical_p;
  if (lacks(SamplerStage::top_p)) p.top_p = off.top_p;
  if (lacks(SamplerStage::min_p)) p.min_p = off.min_p;
  if (lacks(SamplerStage::xtc)) p.xtc_probability = off.xtc_probability;
  if (lacks(SamplerStage::temperature))
    p.temperature = off.temperature, p.dynatemp_range = off.dynatemp_range;
  std::erase_if(order, [](SamplerStage s) {
    return s == SamplerStage::infill || s == SamplerStage::adaptive_p;
  });
  const bool usual = std::adjacent_find(order.begin(), order.end(),
                                        [](auto a, auto b) { return a >= b; }) == order.end();
  if (!usual) p.order = std::move(order);
}

// Greedy: typical_p and xtc may drop the best candidate, and do not act, as in the usual order.
Token Sampler::pick_in_order(double u, float chance) {
  const bool greedy = params_.temperature <= 0;
  for (const SamplerStage stage : params_.order) {
    if (candidates_.size() == 1 || !std::isfinite(candidates_[0].logit)) break;
    switch (stage) {
      case SamplerStage::penalties:
        if (penalizes())
          candidates_.change([this](Candidate& c) { c.logit = penalized(c.id, c.logit); });
        continue;
      case SamplerStage::dry:
        if (!dry_now_.empty())
          candidates_.change([this](Candidate& c) { c.logit = dried(c.id, c.logit); });
        continue;
      case SamplerStage::temperature:
        if (greedy) {
          candidates_.keep_front(1);
        } else {
          const float t = draw_temperature(candidates_, params_);
          if (t <= 0)  // dynamic, of a single possible one
            candidates_.keep_front(1);
          else
            candidates_.change([t](Candidate& c) { c.logit = std::min(c.logit / t, FLT_MAX); });
        }
        continue;
      case SamplerStage::typical_p:
      case SamplerStage::xtc:
        if (greedy) continue;
        break;
      default:
        break;
    }
#define SAMPLER(name) \
  if (stage == SamplerStage::name) name(candidates_, params_, chance);
#include "engine/sample/samplers.inc"
  }
  return draw(candidates_, 1, u);
}

}  // namespace engine
