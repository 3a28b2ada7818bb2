// The tensors of a file under the names that the blocks use. Fused matrices appear as row slices
// under their separate names.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/tensor.h"
#include "engine/graph/builder.h"
#include "engine/model/spec.h"
#include "gguf/reader.h"

namespace engine {

struct WeightFile {
  std::unordered_map<std::string, Tensor> tensors;        // into the mapping
  std::map<std::string, std::vector<LoraPair>> adapters;  // see add_adapter()
  WeightTable table() const;
};

// Rows [first, first + count) of a matrix.
Tensor rows_of(const Tensor& t, int64_t first, int64_t count);

// Errc::corrupt or unsupported with the name of the tensor.
// Draft blocks and projector tensors are left out.
Result<WeightFile> read_weights(const gguf::File& file, const ModelSpec& spec);

}  // namespace engine
