// merge_top: the last step of an output row, from the candidates of its groups to the answer. Runs
// once per output, on any thread.
#pragma once

#include "kernels/op.h"

namespace engine {

struct TopResult {
  int count = 0;        // candidates written
  float logsumexp = 0;  // 0 unless asked for
};

// The best need.k candidates and those of need.also that are not among them,
// ordered by (logit down, id up), each id once. out has room for need.k +
// need.also.size(). Ids of `also` outside the vocabulary are left out.
// Requires: need.kind is top; top_logits has run over all items of this output. Thread-safe.
TopResult merge_top(const TopArgs& args, int64_t output, Candidate* out);

}  // namespace engine
