#include "engine/quantize/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/run/logits.h"
#include "kernels/backend.h"

namespace engine::quant {
namespace {

constexpr int64_t kFewestRows = 16;

class Collector {
 public:
  Collector(Importance& out, bool output) : out_(out), output_(output) {}

  void see(const MatmulInput& in) {
    if (in.rows < kFewestRows) return;
    for (const std::string* name : in.weights)
      if (name != nullptr && (name->starts_with("blk.") || (output_ && *name == "output.weight")))
        add(*name, in);
  }

 private:
  void add(const std::string& name, const MatmulInput& in) {
    ImportanceEntry& e = out_.entries[name];
    const int64_t n = in.x.ne[0], matrices = in.experts ? in.experts->n_expert : 1;
    if (e.sums.empty()) {
      e.n_in = n;
      e.sums.resize(static_cast<size_t>(n * matrices));
      e.counts.resize(static_cast<size_t>(matrices));
    }
    if (in.experts == nullptr) {
      for (int64_t r = 0; r < in.rows; ++r) add_row(e, 0, in.x, r);
      return;
    }
    const ExpertList& list = *in.experts;
    for (int32_t m = 0; m < list.n_expert; ++m)
      for (int32_t i = list.offsets[m]; i < list.offsets[m + 1]; ++i)
        add_row(e, m, in.x, in.x_per_entry ? list.entries[i] : list.entries[i] / list.n_used);
  }

  static void add_row(ImportanceEntry& e, int64_t matrix, const Tensor& x, int64_t row) {
    const float* v = reinterpret_cast<const float*>(x.row(row));
    float* sums = e.sums.data() + matrix * e.n_in;
    for (int64_t i = 0; i < e.n_in; ++i) sums[i] += v[i] * v[i];
    e.counts[static_cast<size_t>(matrix)] += 1;
  }

  Importance& out_;
  const bool output_;
};

double surprise(std::span<const float> logits, Token next) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<double>(l - highest));
  return std::log(sum) + static_cast<double>(highest - logits[static_cast<size_t>(next)]);
}

}  // namespace

Result<Importance> collect_importance(Model& model, std::span<const Token> tokens, Token bos,
                                      const std::string& dataset, const CollectOptions& options,
                                      const OnChunk& progress) {
  const int n_ctx = options.n_ctx;
  if (n_ctx < 2 * kFewestRows || n_ctx > model.info().n_ctx)
    return Error{Errc::invalid_argument,
                 fmt::format("a chunk of {} tokens is not in {} to {}, the context of the model",
                             n_ctx, 2 * kFewestRows, model.info().n_ctx)};
  const int all = static_cast<int>(tokens.size() / static_cast<size_t>(n_ctx));
  int n_chunks = std::max(0, all - options.from_chunk);
  if (options.chunks > 0) n_chunks = std::min(n_chunks, options.chunks);
  if (n_chunks == 0)
    return Error{
        Errc::invalid_argument,
        fmt::format("the text has {} tokens, which are {} chunks of {}, and the first {} are "
                    "left out: use a longer text or smaller chunks (-c)",
                    tokens.size(), all, n_ctx, options.from_chunk)};
  Importance out;
  out.chunk_size = static_cast<uint32_t>(n_ctx);
  out.datasets = {dataset};
  Collector collector(out, options.output);
  ENGINE_TRY_STATUS(model.observe([&](const MatmulInput& in) { collector.see(in); }));
  double nll = 0;
  int64_t scored = 0;
  Status status = ok;
  for (int c = 0; c < n_chunks && status; ++c) {
    const auto chunk =
        tokens.subspan(static_cast<size_t>(options.from_chunk + c) * static_cast<size_t>(n_ctx),
                       static_cast<size_t>(n_ctx));
    std::vector<Token> rows(chunk.begin(), chunk.end());
    if (bos >= 0) rows[0] = bos;
    // Every row wants its output: the last layer drops the others.
    status = compute_logits(model, rows, 0, 0, [&](int i, std::span<float> logits) -> Status {
      if (!options.perplexity || i < n_ctx / 2 || i + 1 >= n_ctx) return ok;
      nll += surprise(logits, chunk[static_cast<size_t>(i) + 1]);
      ++scored;
      return ok;
    });
    out.chunk_count = static_cast<uint32_t>(c + 1);
    if (status && progress)
      status = progress(
          {c + 1, n_chunks, scored > 0 ? std::exp(nll / static_cast<double>(scored)) : 0.0, out});
  }
  ENGINE_TRY_STATUS(model.observe(nullptr));
  ENGINE_TRY_STATUS(std::move(status));
  return out;
}

}  // namespace engine::quant
