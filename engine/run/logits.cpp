// Logits of a sequence.
#include "engine/run/logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace engine {
namespace {

// floats: 64 MiB, and rows enough to keep a step busy
constexpr int64_t kMaxLogits = int64_t{1} << 24;

}  // namespace

int sensible_outputs(int n_vocab, int max_rows) {
  return static_cast<int>(std::clamp<int64_t>(kMaxLogits / std::max(n_vocab, 1), 1, max_rows));
}

Status compute_logits(Model& model, std::span<const Token> tokens, int chunk, int first,
                      const LogitRow& row) {
  const int n = static_cast<int>(tokens.size());
  const int n_vocab = model.info().n_vocab;
  if (n == 0) return Error{Errc::invalid_argument, "no tokens given"};
  if (n > model.info().n_ctx) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} tokens do not fit into a context of {}", n, model.info().n_ctx)};
  }
  for (const Token t : tokens) {
    if (t < 0 || t >= n_vocab)
      return Error{Errc::invalid_argument,
                   fmt::format("token {} is outside the vocabulary of {}", t, n_vocab)};
  }
  if (chunk <= 0) chunk = model.max_rows();
  chunk = std::min(chunk, model.max_rows());

  // Opened with one token, so that nothing of an earlier sequence is shared: every row is computed.
  ENGINE_TRY(seq, model.open(tokens.first(1)));
  Status status = ok;
  std::vector<OutputNeed> needs;
  for (int at = 0, rows = 0; at < n && status; at += rows) {
    rows = std::min(chunk, n - at);
    if (at + rows > first) rows = std::min(rows, std::max(0, first - at) + model.max_outputs());
    needs.assign(static_cast<size_t>(rows), OutputNeed{});
    for (int i = std::max(0, first - at); i < rows; ++i)
      needs[static_cast<size_t>(i)].kind = OutputNeed::full;
    const Model::Rows step{seq, tokens.subspan(static_cast<size_t>(at), static_cast<size_t>(rows)),
                           needs};
    auto outputs = model.step({&step, 1});
    if (!outputs) {
      status = outputs.error();
      break;
    }
    int index = std::max(first, at);
    for (const RowOutput& output : *outputs) {
      if (status = row(index++, output.full); !status) break;
    }
  }
  model.close(seq, false);
  return status;
}

}  // namespace engine
