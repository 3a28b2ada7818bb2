// Loading of weights on the CPU: which kernel will read a matrix,
// and packing into its layout on all threads.
#pragma once

#include <span>
#include <vector>

#include "engine/core/arena.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "kernels/backend.h"
#include "kernels/cpu/registry.h"

namespace engine::cpu {

struct LoadedWeights {
  std::vector<Tensor> tensors;  // in the order of sources
  std::vector<Buffer> buffers;  // own what the tensors point into, unless they stayed in the file
  size_t bytes = 0;
};

Result<LoadedWeights> load_weights(std::span<const WeightSource> sources,
                                   const WeightOptions& options, const Registry<Ctx>& registry,
                                   uint64_t features, ThreadPool& pool);

}  // namespace engine::cpu
