// Raw logits of a token sequence, row by row: for `engine logits`, perplexity and the golden tests.
#pragma once

#include <functional>
#include <span>

#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/run/model.h"

namespace engine {

// index: position of the token in the sequence; logits: [n_vocab],
// valid during the call, may be overwritten.
using LogitRow = std::function<Status(int index, std::span<float> logits)>;

// Feeds the tokens to a new sequence, `chunk` at a time
// (0: as many as the model takes), and hands out the rows from `first` on.
// At most max_rows() tokens and max_outputs() rows go into one step, whatever `chunk` says.
// Errc::invalid_argument: no tokens, an id outside the vocabulary,
// more tokens than the context has.
Status compute_logits(Model& model, std::span<const Token> tokens, int chunk, int first,
                      const LogitRow& row);

// LoadOptions::max_outputs for a model whose logits of whole prompts are wanted: full rows of a
// step live in memory at once.
int sensible_outputs(int n_vocab, int max_rows);

}  // namespace engine
