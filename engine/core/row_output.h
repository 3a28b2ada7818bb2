// What one row of a step wants back, and what it gets. Filled by a backend, read by the sampler.
#pragma once

#include <cstdint>
#include <span>

namespace engine {

using Token = int32_t;

struct Candidate {
  Token id;
  float logit;
};

struct OutputNeed {
  // top: the k best by (logit down, id up); full: all logits; hidden: the hidden row.
  enum Kind : uint8_t { none, top, full, hidden } kind = none;
  int k = 0;
  bool logsumexp = false;  // fill RowOutput::logsumexp (costs one exp per word of the vocabulary)
  // penalised or biased ids: always among the candidates, with their raw logits
  std::span<const Token> also;
};

// Views are valid until the next submit of the same Executable.
struct RowOutput {
  std::span<const Candidate> top;  // ordered by (logit down, id up)
  float logsumexp = 0;
  std::span<float> full;          // [n_vocab]
  std::span<const float> hidden;  // [n_embd]
};

}  // namespace engine
