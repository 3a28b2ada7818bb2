// Quantizes a model file: every matrix gets the type that the mix of the file type wants, everything else is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "engine/quantize/importance.h"
#include "engine/quantize/mix.h"

namespace engine::quant {

struct QuantizeOptions {
  bool allow_requantize = false;  // sources that are quantized already: a loss is added to a loss
  bool copy = false;              // no conversion: all tensors as they are
  bool pure = false;              // no mix: the default type everywhere
  bool leave_output = false;      // output.weight stays as it is
  bool keep_split = false;        // as many output files as the input has; OUT is then their prefix
  bool dry_run = false;           // sizes only, nothing is written
  DType output_type = DType::count_, embedding_type = DType::count_;  // count_: by the mix
  std::vector<std::string> keep;  // tensors whose names begin so stay as they are
  std::vector<std::pair<std::string, DType>> tensor_types;  // regular expression for the name, type
  const Importance* importance = nullptr;
  std::string importance_file;             // its name, for the metadata
  std::vector<int64_t> prune_layers;       // left out; what follows moves up
  std::vector<std::string> overrides;      // KEY=int:V, float:V, bool:V, str:V
  size_t buffer_bytes = size_t{32} << 20;  // of finished rows in memory
};

struct TensorChoice {
  std::string name, new_name;  // differ behind pruned layers
  int64_t ne[4] = {1, 1, 1, 1};
  int shard = 0;
  DType from = DType::f32, to = DType::f32;
  uint64_t bytes = 0, new_bytes = 0;
  bool no_importance = false;  // there is a matrix, but nothing in it for this tensor
};

struct QuantizeProgress {
  const TensorChoice& tensor;  // the one at work
  size_t index, count;         // of tensors
  bool begins, ends;           // the first and last call for this tensor
  uint64_t done, total;        // bytes of the source
};
// Called from the thread that called; false stops the work (Errc::cancelled).
using OnProgress = std::function<bool(const QuantizeProgress&)>;

struct QuantizeResult {
  std::vector<TensorChoice> tensors;  // in the order of the output
  uint64_t bytes = 0, new_bytes = 0, elements = 0;
  int64_t quantize_ns = 0;         // in the conversion, without writing
  std::vector<std::string> files;  // what was written
};

// Writes OUT completely or not at all. inputs: one file, which may be the first of a split one, or all of its shards in order. Errors, all before anything is written: not_found, corrupt; invalid_argument:
// same file, a type we do not write (the message lists those we do), a source that is quantized; io: no space.
// While it works: corrupt for numbers that are not finite, io, cancelled.
Result<QuantizeResult> quantize_file(const std::vector<std::string>& inputs,
                                     const std::string& output, const MixInfo& mix,
                                     const QuantizeOptions& options, ThreadPool& pool,
                                     const OnProgress& progress);

}  // namespace engine::quant
