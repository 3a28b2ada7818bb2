// Where every value of a graph lies: an offset in the shared arena, or in the arena that each
// worker has of its own.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/graph.h"

namespace engine {

struct Placement {
  size_t offset = 0, bytes = 0, stride = 0;  // stride: bytes of a row
  // true: in the arena of each worker (values that few-row steps compute redundantly)
  bool worker = false;
};

struct Layout {
  std::vector<Placement> values;  // one per node
  size_t shared_bytes = 0, worker_bytes = 0;
};

// Row-wise work that every worker repeats for few rows rather than wait for a barrier.
bool replicates(const Node& n);

// A result never shares memory with an input of the same node. Requires: graph after all passes.
Layout place_values(const Graph& graph, int max_rows, int max_outputs);

// Bytes of the lists of an expert router behind its weights (see Placement of router_topk nodes).
size_t expert_list_bytes(int n_expert, int n_used, int rows);

}  // namespace engine
