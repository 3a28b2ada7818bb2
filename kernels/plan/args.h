// From nodes to argument structs: the only code that knows which field of a node feeds which field
// of an operator's arguments.
#pragma once

#include <span>

#include "engine/core/result.h"
#include "engine/core/tensor.h"
#include "kernels/graph.h"
#include "kernels/plan/lifetime.h"

namespace engine {

// Where a plan's values, weights and tables lie for one worker.
struct Binder {
  const Graph* graph;
  std::span<const Tensor> weights;  // as loaded
  const Layout* layout;
  std::span<const CacheSlotView> slots;
  std::byte *shared, *worker;  // arenas
  int max_rows, max_outputs;
  const StepState* step;
  std::span<ExpertList> expert_lists;  // one per node; used by router nodes
  TopArgs top;                         // buffers of top_logits
  const AttendSplit* split;            // of all attend nodes; or nullptr
  const Pack* (*find_pack)(uint16_t id);

  Tensor value(Value v) const;  // all rows
  Tensor weight(int32_t w) const { return w < 0 ? Tensor{} : weights[static_cast<size_t>(w)]; }
  const float* vector(int32_t w) const {
    return w < 0 ? nullptr : weights[static_cast<size_t>(w)].as<const float>();
  }
  const int32_t* rows(const Node& n) const {
    return n.rows == Rows::outputs ? &step->n_out : &step->n_rows;
  }
};

constexpr size_t kMaxArgsBytes = 1024;  // of any argument struct

// Writes the argument struct of node v to out (kMaxArgsBytes, aligned). Errc::unsupported for an op
// no graph can use yet.
Status fill_args(const Binder& bind, Value v, std::byte* out);

// What a step touches: byte ranges of arenas and cache slots. Two steps need a barrier between them
// when a write of one overlaps the other.
struct Touch {
  enum Space : uint8_t { shared, worker, slot } space;
  size_t begin, end;
  bool write;
};
void touched(const Graph& graph, const Layout& layout, Value v, std::vector<Touch>& out);

}  // namespace engine
