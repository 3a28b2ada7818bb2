// Sampler: the next token of one sequence from its logits. The chain has the order of samplers.inc;
// every stage sees candidates by (logit down, id up), so a result depends on the seed, the
// parameters and the logits alone. One per request; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/core/options.h"
#include "engine/core/row_output.h"
#include "engine/core/sampler_stages.h"
#include "engine/sample/dry.h"
#include "engine/sample/mirostat.h"
#include "engine/sample/stages.h"
#include "engine/sample/token_filter.h"

namespace engine {

struct SamplerParams {
  float temperature = 0.8f;                         // <= 0: greedy
  int32_t top_k = 40;                               // <= 0: off
  float top_p = 0.9f;                               // >= 1: off
  float min_p = 0;                                  // <= 0: off
  float typical_p = 1;                              // >= 1: off
  float top_n_sigma = -1;                           // <= 0: off
  float dynatemp_range = 0, dynatemp_exponent = 1;  // range 0: off
  float xtc_probability = 0, xtc_threshold = 0.1f;  // 0: off; above 0.5: off
  int32_t mirostat = 0;                             // 1, 2: in the place of all but temperature
  float mirostat_tau = 5, mirostat_eta = 0.1f;
  int32_t min_keep = 0;        // the truncating stages leave at least so many
  int32_t repeat_last_n = 64;  // tokens the penalties look back; 0: off, < 0: all
  float repeat_penalty = 1;    // 1: off
  float presence_penalty = 0, frequency_penalty = 0;  // 0: off
  DryParams dry;
  int64_t seed = -1;  // -1: random
  std::vector<std::pair<Token, float>> logit_bias;
  std::vector<Token> suppressed;    // never drawn
  std::vector<SamplerStage> order;  // empty: that of samplers.inc
};

// The stages of the order alone act, one after the other; an empty one changes nothing. Stages that
// are left out are switched off. Requires: the other parameters are final.
void set_order(std::vector<SamplerStage> order, SamplerParams& params);

// The sampling part of checked options, for a context of n_ctx tokens.
SamplerParams sampler_params(const Options& options, int n_ctx);

class Sampler {
 public:
  explicit Sampler(SamplerParams params);

  // From now on only tokens that the filter allows are drawn; it outlives this. pick() does not
  // tell the filter what was drawn.
  void restrict_to(TokenFilter* filter) { filter_ = filter; }

  // What the next row must give back: a few candidates where that is exact, else all logits.
  // It also does for the rows behind it, as long as they accept the tokens of `ahead` in turn.
  // Valid until the next need().
  OutputNeed need(std::span<const Token> ahead = {});
  // One draw, also when there is no choice. Requires: output answers the need of this step.
  // With a filter: kNothing when no token is both allowed and possible.
  static constexpr Token kNothing = -1;
  Token pick(const RowOutput& output);
  // A token of the prompt or of the answer: the history of the penalties.
  void accept(Token token);

  const SamplerParams& params() const { return params_; }
  uint32_t seed() const { return seed_; }  // the one in use, also when it was random

 private:
  bool penalizes() const;
  size_t front() const;  // so many of the best decide, whatever the others are; 0: all count
  // As the first stage sees it. Requires: id is touched
  float patched(Token id, float logit) const;
  float penalized(Token id, float logit) const;
  float dried(Token id, float logit) const;
  Token pick_in_order(double u, float chance);  // from candidates_
  double uniform();
  float xtc_chance();                            // one number per step while xtc is on
  void touch();                                  // fills touched_
  void assign_allowed(std::span<float> logits);  // candidates_ from a row and the filter

  SamplerParams params_;
  uint32_t seed_;
  std::mt19937 random_, xtc_random_;           // with the same seed
  std::deque<Token> history_;                  // the last repeat_last_n tokens
  std::unordered_map<Token, int32_t> counts_;  // of the tokens in history_
  std::vector<Token> always_;                  // biased and suppressed ids; sorted
  // ids whose logits differ from the raw ones: always_, history_, those of dry_now_; sorted
  std::vector<Token> touched_;
  bool touched_old_ = true;    // a token came since
  std::vector<Token> wanted_;  // ids whose logits the last need asks for
  Dry dry_;
  Dry::Penalties dry_now_;  // of the next token, as of touch()
  Candidates candidates_;
  Mirostat mirostat_;
  TokenFilter* filter_ = nullptr;
};

}  // namespace engine
