// Perplexity and divergence, chunk by chunk.
#include "engine/tools/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/run/logits.h"
#include "engine/tools/logits_file.h"

namespace engine {
namespace {

// Below this log-probability a word of the base does not count: the file cannot tell it from zero.
constexpr float kLowest = -16.0f;

struct Sums {
  int64_t n = 0;
  double sum = 0, squares = 0;
  void add(double x) { ++n, sum += x, squares += x * x; }
  Estimate mean() const {
    Estimate e;
    if (n == 0) return e;
    e.value = sum / static_cast<double>(n);
    const double variance = squares / static_cast<double>(n) - e.value * e.value;
    if (n > 1 && variance > 0) e.error = std::sqrt(variance / static_cast<double>(n - 1));
    return e;
  }
};

Estimate exp_of(Estimate e) {
  const double v = std::exp(e.value);
  return {v, v * e.error};
}

struct Totals {
  Sums nll, base_nll, ratio, kld, dp, dp_squared, same;
  std::vector<double> klds, dps;

  void fill(PerplexityResult& r) const {
    r.tokens = static_cast<int>(nll.n);
    r.perplexity = exp_of(nll.mean());
    if (!r.compared) return;
    r.base_perplexity = exp_of(base_nll.mean());
    r.log_ratio = ratio.mean();
    r.kld = kld.mean();
    r.dp = dp.mean();
    const Estimate mean_square = dp_squared.mean();
    r.dp_rms.value = std::sqrt(mean_square.value);
    r.dp_rms.error = r.dp_rms.value > 0 ? 0.5 * mean_square.error / r.dp_rms.value : 0;
    r.same_top = same.mean();
  }
};

}  // namespace

double log_sum_exp(std::span<const float> logits) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += static_cast<double>(std::exp(l - highest));
  return static_cast<double>(highest) + std::log(sum);
}

TokenDivergence compare_row(std::span<const float> base_logprobs, std::span<const float> logits,
                            Token next) {
  const double lse = log_sum_exp(logits);
  TokenDivergence d;
  size_t top = 0, base_top = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > logits[top]) top = i;
    if (base_logprobs[i] > base_logprobs[base_top]) base_top = i;
    if (base_logprobs[i] > kLowest) {
      const double base = static_cast<double>(base_logprobs[i]);
      d.kld += std::exp(base) * (base - (static_cast<double>(logits[i]) - lse));
    }
  }
  const size_t n = static_cast<size_t>(next);
  d.dp = std::exp(static_cast<double>(logits[n]) - lse) -
         std::exp(static_cast<double>(base_logprobs[n]));
  d.same_top = top == base_top;
  return d;
}

double percentile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  if (q <= 0) return sorted.front();
  if (q >= 1) return sorted.back();
  const double at = q * static_cast<double>(sorted.size() - 1);
  const size_t i = static_cast<size_t>(at);
  const double part = at - static_cast<double>(i);
  return i + 1 < sorted.size() ? sorted[i] * (1 - part) + sorted[i + 1] * part : sorted[i];
}

Result<PerplexityResult> measure_perplexity(Model& model, std::span<const Token> text, Token bos,
                                            const PerplexityOptions& options,
                                            const PerplexityProgress& progress) {
  const int n_vocab = model.info().n_vocab;
  int n_ctx = options.n_ctx;
  std::optional<LogitsReader> base;
  if (!options.base_path.empty()) {
    ENGINE_TRY(reader, LogitsReader::open(options.base_path));
    if (reader.n_vocab() != n_vocab) {
      return Error{Errc::corrupt,
                   fmt::format("{} was recorded with a vocabulary of {}, the model has {}",
                               options.base_path, reader.n_vocab(), n_vocab)};
    }
    base = std::move(reader);
    n_ctx = base->n_ctx();
  }
  if (n_ctx < 4)
    return Error{Errc::invalid_argument, fmt::format("a context of {} is too small", n_ctx)};
  if (n_ctx > model.info().n_ctx) {
    return Error{Errc::invalid_argument,
                 fmt::format("chunks of {} tokens do not fit into the context of {}", n_ctx,
                             model.info().n_ctx)};
  }
  if (base) text = base->tokens();
  if (!base && text.size() < 2 * static_cast<size_t>(n_ctx)) {
    return Error{Errc::invalid_argument, fmt::format("the text has {} tokens, but at least {} (two "
                                                     "chunks) are needed; use a longer text or a "
                                                     "smaller context (-c)",
                                                     text.size(), 2 * n_ctx)};
  }
  int n_chunks = static_cast<int>(text.size() / static_cast<size_t>(n_ctx));
  if (options.chunks > 0) n_chunks = std::min(n_chunks, options.chunks);
  const size_t used = static_cast<size_t>(n_chunks) * static_cast<size_t>(n_ctx);

  std::optional<LogitsWriter> writer;
  if (!options.save_path.empty()) {
    ENGINE_TRY(w, LogitsWriter::create(options.save_path, n_ctx, n_vocab, text.first(used)));
    writer = std::move(w);
  }

  PerplexityResult result;
  result.compared = base.has_value();
  Totals totals;
  std::vector<float> base_row(base ? static_cast<size_t>(n_vocab) : 0);
  int64_t scored = 0;
  const int first = n_ctx / 2;
  for (int c = 0; c < n_chunks; ++c) {
    const auto chunk = text.subspan(static_cast<size_t>(c) * static_cast<size_t>(n_ctx),
                                    static_cast<size_t>(n_ctx));
    std::vector<Token> tokens(chunk.begin(), chunk.end());
    if (bos >= 0) tokens[0] = bos;
    tokens.pop_back();  // the last token is only predicted
    ENGINE_TRY_STATUS(
        compute_logits(model, tokens, 0, first, [&](int index, std::span<float> logits) -> Status {
          const Token next = chunk[static_cast<size_t>(index) + 1];
          const double lse = log_sum_exp(logits);
          const double nll = lse - static_cast<double>(logits[static_cast<size_t>(next)]);
          totals.nll.add(nll);
          if (writer) ENGINE_TRY_STATUS(writer->row(logits, lse));
          if (base) {
            base->row(scored, base_row);
            const TokenDivergence d = compare_row(base_row, logits, next);
            const double base_nll = -static_cast<double>(base_row[static_cast<size_t>(next)]);
            totals.base_nll.add(base_nll);
            totals.ratio.add(nll - base_nll);
            totals.kld.add(d.kld);
            totals.dp.add(d.dp);
            totals.dp_squared.add(d.dp * d.dp);
            totals.same.add(d.same_top ? 1 : 0);
            totals.klds.push_back(d.kld);
            totals.dps.push_back(d.dp);
          }
          ++scored;
          return ok;
        }));
    result.chunks = c + 1;
    totals.fill(result);
    if (progress) progress(result, c + 1, n_chunks);
  }
  if (writer) ENGINE_TRY_STATUS(writer->finish());
  result.kld_sorted = std::move(totals.klds);
  result.dp_sorted = std::move(totals.dps);
  std::sort(result.kld_sorted.begin(), result.kld_sorted.end());
  std::sort(result.dp_sorted.begin(), result.dp_sorted.end());
  return result;
}

}  // namespace engine
