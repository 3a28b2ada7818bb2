// Log-probabilities of a row: of its raw logits, before bias, penalties, temperature and grammar.
#pragma once

#include <vector>

#include "engine/core/row_output.h"

namespace engine {

struct Logprobs {
  float chosen = 0;
  std::vector<Candidate> top;  // the n best, best first; logit: the log-probability
};

// Requires: output has all logits, or `chosen` and the n best among its candidates and the
// log-sum-exp.
Logprobs logprobs_of(const RowOutput& output, Token chosen, int n);

}  // namespace engine
