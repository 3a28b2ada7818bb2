// Draft: a smaller model of the same vocabulary says what it would write.
#pragma once

#include "engine/core/result.h"
#include "engine/run/speculate.h"

namespace engine {

// Whether the tokens of the two models mean the same.
// Errc::invalid_argument says where they differ.
Status check_draft(const Model& model, const Model& draft);

// Follows one sequence of the target in a sequence of the draft model,
// and proposes its most likely tokens.
class Draft : public Proposer {
 public:
  Draft(Model& model, int n_vocab, int most) : model_(model), n_vocab_(n_vocab), most_(most) {}
  ~Draft() override { close(); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  int most() const override { return most_; }
  int grade(std::span<const Token> tokens) override;
  // Nothing while many tokens are new to the draft model: it reads a part of them.
  void propose(std::span<const Token> tokens, int n, std::vector<Token>& out) override;
  void reset() override { close(); }
  void forget(size_t begin, size_t count) override;  // as the target, where that is possible

 private:
  void close();
  void follow(std::span<const Token> tokens);
  Token feed(std::span<const Token> tokens, bool wants_next);  // -1: none, or it failed

  Model& model_;
  const int n_vocab_, most_;  // of the target
  Model::SeqId seq_ = -1;
  std::vector<Token> fed_;  // the rows of seq_
  size_t sure_ = 0;         // so many of them are those of the target
  bool failed_ = false;
};

}  // namespace engine
