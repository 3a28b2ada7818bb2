// Speculation: cheap proposals of the tokens that follow, checked by the model in one step together
// with the row that is due. Only what the sampler draws counts: a proposal is accepted when it is
// the token drawn, so an answer is the same with and without it, and only the time differs.
//
// Here: who proposes, and how many proposals pay. Model thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/run/model.h"

namespace engine {

// Most rows of a step with proposals: the form of the plan for few rows,
// and the rows that the cache can take back.
constexpr int kMostSpeculativeRows = 8;

struct SpeculateOptions {
  bool lookup = false;     // propose what followed the same tokens before
  Model* draft = nullptr;  // smaller model of the same vocabulary; outlives the scheduler
  bool adaptive = true;    // propose what pays; false: always the most (tests)

  static SpeculateOptions from_environment();  // ENGINE_SPECULATE
};

// Proposes how one sequence goes on.
// `tokens`: the whole sequence, which only grows at its end until reset() or forget().
class Proposer {
 public:
  static constexpr int kGrades = 5;

  virtual ~Proposer() = default;
  virtual int most() const = 0;  // proposals at once
  // How good the next proposals look, 0 to kGrades - 1; -1: there are none.
  virtual int grade(std::span<const Token> tokens) = 0;
  // Appends up to n tokens to out; none: not ready yet.
  virtual void propose(std::span<const Token> tokens, int n, std::vector<Token>& out) = 0;
  virtual void reset() = 0;  // the sequence became another
  // It lost the tokens [begin, begin + count), whole pages: Model::shift.
  virtual void forget(size_t, size_t) { reset(); }
};

// What steps of so many rows and the proposals of each proposer cost, measured as the model runs;
// shared by its sequences.
class Costs {
 public:
  static constexpr int kProposers = 2;

  void add_step(int rows, int64_t ns);
  bool known(int rows) const;
  double step_ns(int rows) const;  // estimated from fewer rows while it is unknown
  void add_proposals(int proposer, int n, double ns);
  double proposal_ns(int proposer) const { return proposal_ns_[proposer]; }

 private:
  double step_ns_[kMostSpeculativeRows + 1] = {};
  double proposal_ns_[kProposers] = {};
};

// What a step holds before one sequence adds its proposals.
struct StepLoad {
  int sequences = 1, rows = 1;
};

// Decides how many proposals of one proposer pay, in tokens gained against tokens that the time
// they take would have bought. A balance bounds what wrong guesses may cost: every token of the
// answer lends a hundredth, so a proposer that is never right costs about 1 %.
class Gate {
 public:
  explicit Gate(int proposer) : proposer_(proposer) {}
  int proposer() const { return proposer_; }  // its number in Costs

  struct Choice {
    int n = 0;          // proposals
    bool pays = false;  // by what is known; else it is a try
  };
  Choice choose(int grade, int most, StepLoad load, const Costs& costs) const;
  void earn(size_t tokens);
  void charge(double ns, StepLoad load, const Costs& costs);
  // Of so many proposals the first `accepted` were right.
  void settle(int grade, int proposed, int accepted, StepLoad load, const Costs& costs);

 private:
  double chance(int grade) const;  // that a proposal is right when those before it were

  struct Record {
    double right = 0, tried = 0;
  };
  int proposer_;
  Record records_[Proposer::kGrades];
  double balance_ = 0;  // tokens
};

// The proposers of one sequence.
class Speculator {
 public:
  // draft_tokens: most proposals of the draft model at once; 0: it is not asked.
  Speculator(const SpeculateOptions& options, int n_vocab, int draft_tokens);

  // Proposals for the next step, at most `most`; valid until the next call. The first proposer
  // whose proposals pay is taken.
  std::span<const Token> propose(std::span<const Token> tokens, int most, StepLoad load,
                                 Costs& costs);
  // Of the last proposals, the first `accepted` were drawn.
  void settle(int accepted, const Costs& costs);
  void reset();                             // the sequence became another
  void forget(size_t begin, size_t count);  // see Proposer

 private:
  struct Source {
    std::unique_ptr<Proposer> proposer;
    Gate gate;
    bool proposed = false;  // at least once
  };
  std::vector<Source> sources_;
  bool adaptive_;
  size_t seen_ = 0;  // tokens of the sequence that gates have earned for
  // of the last proposals
  std::vector<Token> proposals_;
  Source* source_ = nullptr;
  int grade_ = 0;
  StepLoad load_;
};

}  // namespace engine
