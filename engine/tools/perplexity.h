// Perplexity of a text, and the Kullback-Leibler divergence of a model from recorded logits of
// another (the same model before quantization, or our own float reference). Method and file format
// are those of the common perplexity tool, so numbers compare.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/run/model.h"

namespace engine {

struct Estimate {
  double value = 0, error = 0;  // error: standard error of the mean
};

// Per scored token of a comparison.
struct TokenDivergence {
  double kld = 0;  // sum of p_base (ln p_base - ln p)
  double dp = 0;   // p - p_base of the token that follows
  bool same_top = false;
};

// Both rows [n_vocab]: log-probabilities of the base, raw logits of the model under test.
TokenDivergence compare_row(std::span<const float> base_logprobs, std::span<const float> logits,
                            Token next);

// ln(sum(exp(logits))), with the maximum taken out; double sum.
double log_sum_exp(std::span<const float> logits);

struct PerplexityOptions {
  int n_ctx = 512;
  int chunks = -1;        // -1: all
  std::string save_path;  // write the logits here
  std::string base_path;  // compare with these logits; their tokens replace the text
};

struct PerplexityResult {
  int chunks = 0, tokens = 0;  // scored tokens
  Estimate perplexity;
  bool compared = false;
  // dp, dp_rms, same_top as fractions
  Estimate base_perplexity, log_ratio, kld, dp, dp_rms, same_top;
  std::vector<double> kld_sorted, dp_sorted;
};

// Called after every chunk with the state so far.
using PerplexityProgress = std::function<void(const PerplexityResult&, int chunk, int n_chunks)>;

// tokens: of the text, with the begin token if the model wants one.
// bos: replaces the first token of every chunk, -1: does not.
// Errc::invalid_argument: fewer than two chunks of tokens;
// corrupt: a base file that does not fit the model.
Result<PerplexityResult> measure_perplexity(Model& model, std::span<const Token> tokens, Token bos,
                                            const PerplexityOptions& options,
                                            const PerplexityProgress& progress);

// Value below which the fraction q of sorted lies.
double percentile(std::span<const double> sorted, double q);

}  // namespace engine
