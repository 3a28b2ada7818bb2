// Logits of a sequence.
#include "engine/tools/logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace engine {
namespace {

constexpr int64_t kMaxLogits = int64_t{1}
                               << 24;  // floats: 64 MiB, and rows enough to keep a step busy

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

Result<std::vector<Token>> parse_tokens(std::string_view text) {
  std::vector<Token> tokens;
  const auto skip = [&text](std::string_view any) {
    while (!text.empty() && any.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  };
  const auto bad = [&text] {
    return Error{Errc::invalid_argument, fmt::format("not a token id: \"{}\"", text.substr(0, 20))};
  };
  skip(" \t\r\n");
  const bool list = !text.empty() && text.front() == '[';
  if (list) text.remove_prefix(1);
  while (true) {
    skip(" \t\r\n");
    if (text.empty() || text.front() == ']') break;
    Token id = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (code != std::errc()) return bad();
    tokens.push_back(id);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    skip(" \t\r\n");
    if (!text.empty() && text.front() == ',') {
      text.remove_prefix(1);
    } else if (!text.empty() && text.front() != ']') {
      return bad();
    }
  }
  if (list != !text.empty()) return bad();
  if (list) text.remove_prefix(1);
  skip(" \t\r\n");
  if (!text.empty()) return bad();
  return tokens;
}

}  // namespace engine
