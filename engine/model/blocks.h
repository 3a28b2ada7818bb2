// The blocks that layers are made of, and the graph of a whole model from its spec. Weights are
// named here and nowhere else.
#pragma once

#include "engine/core/result.h"
#include "engine/graph/builder.h"
#include "engine/model/spec.h"

namespace engine {

// A norm of the kind of the block, named PREFIX.weight (and .bias).
Value block_norm(const BlockSpec&, const char* prefix, int il, GraphBuilder&, Value x);
Value attention_block(const BlockSpec&, int il, GraphBuilder&, Value x);  // x + attention(norm(x))
// x + ffn(norm(x)), dense or experts
Value ffn_block(const BlockSpec&, int il, GraphBuilder&, Value x);
Value moe(const BlockSpec&, int il, GraphBuilder&, Value x);  // the experts alone

Result<Graph> build_graph(const ModelSpec&, const WeightTable&);

}  // namespace engine
