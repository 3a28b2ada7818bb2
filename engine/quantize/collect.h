// Collects importance: runs a text through a model and adds up the squares of what each weight is multiplied with.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/quantize/importance.h"
#include "engine/run/model.h"

namespace engine::quant {

struct CollectOptions {
  int n_ctx = 512;         // tokens of a chunk; each is a context of its own
  int from_chunk = 0;      // chunks left out before
  int chunks = -1;         // at most; -1: all
  bool output = false;     // output.weight too
  bool perplexity = true;  // measure it on the way
};

struct CollectState {
  int chunk, n_chunks;  // done, of how many
  double perplexity;    // so far; 0 when it is not measured
  const Importance& importance;
};
// After every chunk; an error stops the work and is returned.
using OnChunk = std::function<Status(const CollectState&)>;

// The model must have been loaded as reference (LoadOptions::reference). bos: replaces the first token of each chunk, -1: does not.
// Matmuls with fewer than 16 rows do not count.
// Errc::invalid_argument: less than one chunk of text; unsupported: activations of the model are quantized.
Result<Importance> collect_importance(Model& model, std::span<const Token> tokens, Token bos,
                                      const std::string& dataset, const CollectOptions& options,
                                      const OnChunk& progress);

}  // namespace engine::quant
