#include "engine/run/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/core/log.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

constexpr size_t kInline = 64;   // new tokens that are read and continued in one go
constexpr Token kFirstText = 5;  // tokens before it may have other texts: padding, unknown
constexpr int kSizeSlack = 128;  // tokens one vocabulary may have more: rows of padding

Error differs(const std::string& how) {
  return {Errc::invalid_argument, "its vocabulary is not that of the model: " + how};
}

}  // namespace

Status check_draft(const Model& model, const Model& draft) {
  const Tokenizer *a = model.tokenizer(), *b = draft.tokenizer();
  if (a == nullptr && b == nullptr && model.info().n_vocab == draft.info().n_vocab) return ok;
  if (a == nullptr || b == nullptr) return differs("only one of them has one");
  if (std::abs(a->size() - b->size()) > kSizeSlack)
    return differs(fmt::format("{} tokens, not {}", b->size(), a->size()));
  const VocabRules &x = a->vocabulary().rules(), &y = b->vocabulary().rules();
  if (x.algorithm != y.algorithm) return differs("another tokenizer");
  if (x.add_bos != y.add_bos || (x.add_bos && x.ids.bos != y.ids.bos))
    return differs("texts begin with another token");
  for (Token t = kFirstText; t < std::min(a->size(), b->size()); ++t)
    if (a->vocabulary().text(t) != b->vocabulary().text(t))
      return differs(fmt::format("token {} is \"{}\", not \"{}\"", t, b->vocabulary().text(t),
                                 a->vocabulary().text(t)));
  return ok;
}

int Draft::grade(std::span<const Token> tokens) {
  const bool fits = static_cast<int>(tokens.size()) + kMostSpeculativeRows <= model_.info().n_ctx;
  return failed_ || !fits ? -1 : Proposer::kGrades / 2;
}

void Draft::close() {
  if (seq_ >= 0) model_.close(seq_, true);
  seq_ = -1, sure_ = 0;
  fed_.clear();
}

void Draft::forget(size_t begin, size_t count) {
  const size_t same = std::min(sure_, fed_.size()), end = begin + count;
  if (seq_ < 0 || end > same ||
      !model_.shift(seq_, static_cast<int>(begin), static_cast<int>(count)))
    return close();
  fed_.erase(fed_.begin() + static_cast<std::ptrdiff_t>(begin),
             fed_.begin() + static_cast<std::ptrdiff_t>(end));
  sure_ = same - count;
}

// Leaves the rows that are tokens of the sequence, but for its last token.
void Draft::follow(std::span<const Token> tokens) {
  if (seq_ < 0) {
    const Result<Model::SeqId> seq = model_.open(tokens);
    if (!seq) return;
    seq_ = *seq;
    fed_.assign(tokens.begin(), tokens.begin() + model_.past(seq_));
  }
  size_t same = std::min(sure_, fed_.size());
  while (same < fed_.size() && same < tokens.size() && fed_[same] == tokens[same]) ++same;
  same = std::min(same, tokens.size() - 1);
  if (same < fed_.size())
    fed_.resize(static_cast<size_t>(model_.truncate(seq_, static_cast<int>(same))));
  sure_ = fed_.size();
}

Token Draft::feed(std::span<const Token> tokens, bool wants_next) {
  // The first of the best that may be drawn at all.
  const std::span<const Token> never = model_.suppressed_tokens();
  std::vector<OutputNeed> needs(tokens.size());
  if (wants_next) {
    needs.back().kind = OutputNeed::top;
    needs.back().k = static_cast<int>(never.size()) + 1;
  }
  const Model::Rows rows[] = {{seq_, tokens, needs}};
  const Result<std::span<const RowOutput>> out = model_.step(rows);
  if (!out) {
    log_debug("the draft model gives up: {}", out.error().message);
    close();
    failed_ = true;
    return -1;
  }
  fed_.insert(fed_.end(), tokens.begin(), tokens.end());
  if (!wants_next) return -1;
  for (const Candidate& c : (*out)[0].top)
    if (std::find(never.begin(), never.end(), c.id) == never.end()) return c.id;
  return -1;
}

void Draft::propose(std::span<const Token> tokens, int n, std::vector<Token>& out) {
  follow(tokens);
  if (seq_ < 0) return;
  std::span<const Token> rest = tokens.subspan(fed_.size());
  if (rest.size() > std::min(kInline, static_cast<size_t>(model_.max_rows()))) {
    feed(rest.first(std::min(rest.size() - 1, static_cast<size_t>(model_.max_rows()))), false);
    sure_ = fed_.size();
    return;
  }
  sure_ = tokens.size();
  Token next = feed(rest, true);
  while (next >= 0 && next < n_vocab_) {
    out.push_back(next);
    const Tokenizer* tokenizer = model_.tokenizer();
    if (static_cast<int>(out.size()) == n || (tokenizer != nullptr && tokenizer->is_eog(next)))
      return;
    next = feed({&out.back(), 1}, true);
  }
}

}  // namespace engine
