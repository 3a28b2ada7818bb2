// Plan: a compiled graph as a flat array of steps with all pointers final. Made once per model; the
// row count is read at run time.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/arena.h"
#include "engine/core/result.h"
#include "kernels/backend.h"
#include "kernels/cpu/registry.h"
#include "kernels/plan/args.h"

namespace engine::cpu {

// Rows up to this count take the few-row form of a plan: row-wise steps are repeated by every
// worker instead of waiting for a barrier.
constexpr int kFewRows = 8;

enum class Split : uint8_t {
  replicate,  // every worker all items, each into its own arena
  owned,      // each worker a contiguous range
  steal,      // own range first, in chunks, then chunks of the others
};

struct Step {
  const Kernel<Ctx>* kernel;
  // of worker 0; worker w: args + w * kMaxArgsBytes in the few-row form, worker 0's otherwise
  std::byte* args;
  Value node;
  bool replicated;                 // in the few-row form
  bool barrier_few, barrier_many;  // after the step
};

struct Plan {
  Graph graph;
  Layout layout;
  std::vector<Step> steps;
  std::vector<ExpertList> expert_lists;
  Buffer memory, scratch_memory;    // arguments, arenas, candidates; scratch
  std::vector<std::byte*> scratch;  // per worker
  StepState state;
  AttendSplit split;
  Binder binder;  // of worker 0
  int workers = 1, max_rows = 0, max_outputs = 0, max_top = 0;
  std::optional<std::vector<int32_t>> key_ropes;  // kernels/plan/key_ropes.h
};

Result<std::unique_ptr<Plan>> compile_plan(const Graph& graph, std::span<const Tensor> weights,
                                           const PageStore& pages, const CompileOptions& options,
                                           const Registry<Ctx>& registry, uint64_t features,
                                           int workers);

}  // namespace engine::cpu
