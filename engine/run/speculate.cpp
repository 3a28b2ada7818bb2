#include "engine/run/speculate.h"

#include <algorithm>

#include "engine/core/clock.h"
#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/run/draft.h"
#include "engine/run/prompt_lookup.h"

namespace engine {
namespace {

constexpr double kRowCost = 0.25;  // of a step, for each further row, until it is measured
constexpr double kNewTime = 0.125, kOutlier = 2;  // weight of a new time; times the mean at most
constexpr double kLend = 0.01;                    // tokens that each token of the answer lends
constexpr double kMostDebt = 1, kMostCredit = 2;  // tokens
constexpr double kForget = 0.9;                   // what a record keeps at the next proposals
constexpr double kPriorWeight = 3;                // proposals that the prior counts as
constexpr double kPrior[Proposer::kGrades] = {0.3, 0.4, 0.55, 0.7, 0.85};
constexpr int kProbe = 2;  // proposals of a try that does not look profitable

// What one token costs without proposals.
double token_ns(StepLoad load, const Costs& costs) {
  return costs.step_ns(load.sequences) / load.sequences;
}

void average(double& mean, double sample) {
  mean = mean == 0 ? sample : mean + kNewTime * (std::min(sample, kOutlier * mean) - mean);
}

}  // namespace

SpeculateOptions SpeculateOptions::from_environment() {
  SpeculateOptions o;
  const std::string text = env(Env::ENGINE_SPECULATE);
  o.lookup = text != "off";
  if (text != "off" && text != "lookup")
    log_warn("ENGINE_SPECULATE=\"{}\" is neither lookup nor off; using lookup", text);
  return o;
}

// ---- Costs ----

void Costs::add_step(int rows, int64_t ns) {
  if (rows >= 1 && rows <= kMostSpeculativeRows) average(step_ns_[rows], static_cast<double>(ns));
}

bool Costs::known(int rows) const {
  return rows >= 1 && rows <= kMostSpeculativeRows && step_ns_[rows] > 0;
}

double Costs::step_ns(int rows) const {
  int measured = rows;
  while (measured > 0 && step_ns_[measured] == 0) --measured;
  return (measured == 0 ? 1 : step_ns_[measured]) * (1 + kRowCost * rows) /
         (1 + kRowCost * measured);
}

void Costs::add_proposals(int proposer, int n, double ns) {
  average(proposal_ns_[proposer], ns / n);
}

// ---- Gate ----

void Gate::earn(size_t tokens) {
  balance_ = std::min(kMostCredit, balance_ + kLend * static_cast<double>(tokens));
}

void Gate::charge(double ns, StepLoad load, const Costs& costs) {
  balance_ -= ns / token_ns(load, costs);
}

double Gate::chance(int grade) const {
  const Record& r = records_[grade];
  return (r.right + kPrior[grade] * kPriorWeight) / (r.tried + kPriorWeight);
}

Gate::Choice Gate::choose(int grade, int most, StepLoad load, const Costs& costs) const {
  const double p = chance(grade);
  const auto ns = [&](int n) {
    return costs.step_ns(load.rows + n) + n * costs.proposal_ns(proposer_);
  };
  Choice best;
  double best_rate = load.sequences / ns(0), gain = 0, all_right = 1;
  for (int n = 1; n <= most; ++n) {
    all_right *= p, gain += all_right;
    const double rate = (load.sequences + gain) / ns(n);
    if (rate > best_rate) best = {n, true}, best_rate = rate;
  }
  // Even if all are wrong, the debt stays in its bounds; what does not look profitable must be
  // paid from credit.
  if (!best.pays) best.n = std::min(kProbe, most);
  const double bound = best.pays ? -kMostDebt : 0;
  while (best.n > 0 && balance_ - (ns(best.n) - ns(0)) / token_ns(load, costs) < bound) --best.n;
  return best;
}

void Gate::settle(int grade, int proposed, int accepted, StepLoad load, const Costs& costs) {
  Record& r = records_[grade];
  r.right = kForget * r.right + accepted;
  r.tried = kForget * r.tried + std::min(proposed, accepted + 1);
  charge(costs.step_ns(load.rows + proposed) - costs.step_ns(load.rows), load, costs);
  balance_ = std::min(kMostCredit, balance_ + accepted);
}

// ---- Speculator ----

Speculator::Speculator(const SpeculateOptions& options, int n_vocab, int draft_tokens)
    : adaptive_(options.adaptive) {
  if (options.lookup) sources_.push_back({std::make_unique<PromptLookup>(), Gate(0)});
  if (options.draft != nullptr && draft_tokens > 0)
    sources_.push_back({std::make_unique<Draft>(*options.draft, n_vocab, draft_tokens), Gate(1)});
}

std::span<const Token> Speculator::propose(std::span<const Token> tokens, int most, StepLoad load,
                                           Costs& costs) {
  proposals_.clear();
  source_ = nullptr;
  const size_t grown = seen_ == 0 ? 0 : tokens.size() - seen_;
  seen_ = tokens.size();
  for (Source& s : sources_) s.gate.earn(grown);
  if (adaptive_ && !costs.known(load.sequences)) return {};
  for (Source& s : sources_) {
    const int grade = s.proposer->grade(tokens);
    if (grade < 0) continue;
    Gate::Choice choice{std::min(most, s.proposer->most()), true};
    if (adaptive_) choice = s.gate.choose(grade, choice.n, load, costs);
    if (choice.n <= 0) continue;
    const int64_t begin = now_ns();
    s.proposer->propose(tokens, choice.n, proposals_);
    const double ns = static_cast<double>(now_ns() - begin);
    // What a promising proposer needs to get ready, as a draft model to read the prompt, is free.
    if (s.proposed || !proposals_.empty() || !choice.pays) s.gate.charge(ns, load, costs);
    if (proposals_.empty()) continue;
    costs.add_proposals(s.gate.proposer(), static_cast<int>(proposals_.size()), ns);
    s.proposed = true;
    source_ = &s, grade_ = grade, load_ = load;
    break;
  }
  return proposals_;
}

void Speculator::settle(int accepted, const Costs& costs) {
  if (source_ == nullptr) return;
  source_->gate.settle(grade_, static_cast<int>(proposals_.size()), accepted, load_, costs);
  source_ = nullptr;
}

void Speculator::reset() {
  for (Source& s : sources_) s.proposer->reset();
  seen_ = 0, source_ = nullptr;
}

void Speculator::forget(size_t begin, size_t count) {
  for (Source& s : sources_) s.proposer->forget(begin, count);
  seen_ = 0, source_ = nullptr;
}

}  // namespace engine
