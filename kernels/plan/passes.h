// Passes over a graph that every backend needs, in this order: fuse, take_outputs, quantize_inputs.
// Each keeps the order of computing.
#pragma once

#include <span>

#include "engine/core/tensor.h"
#include "kernels/graph.h"

namespace engine {

// Folds gated pairs, residual additions and soft caps into the matmul or norm that produces them
// (epilogues). weights: as loaded, their types decide what can be paired.
void fuse(Graph& graph, std::span<const Tensor> weights);

// Everything after the last attention runs only for the rows that want an output.
void take_outputs(Graph& graph);

// One quantize_act per distinct input of the matmuls whose weights want int8 activations, and per
// activation type that they want.
void quantize_inputs(Graph& graph, std::span<const Tensor> weights);

// Appends the selection of candidates after the logits, if there are any.
void append_top(Graph& graph);

}  // namespace engine
