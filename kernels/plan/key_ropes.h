// Whether the keys of a model can be turned to other positions, and how.
#pragma once

#include <optional>
#include <vector>

#include "kernels/graph.h"

namespace engine {

// Of each cache slot the rotation of its keys, an index into graph.ropes; -1: they know no position.
// nullopt: what is stored cannot be moved. The positions are learned, rows are seen by those before
// them, a state sums up the past, or keys are made in another way than by a product, norms and a
// rotation of whole heads in the end.
std::optional<std::vector<int32_t>> key_ropes(const Graph& graph);

}  // namespace engine
