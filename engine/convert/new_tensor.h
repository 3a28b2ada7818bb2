// A tensor of the file that is written, as a recipe: which rows of which tensors of the checkpoint,
// in which order, changed how. Nothing is read until it is written, piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/convert/checkpoint.h"
#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "gguf/writer.h"

namespace engine::convert {

// Rows [first, first + rows) of a tensor [..., cols], all axes but the last counted as rows.
struct Part {
  const SafeTensor* tensor = nullptr;
  int64_t first = 0, rows = 0, cols = 0;
  // > 0: the rows of each of so many heads are reordered from halves (first half, second half) to
  // pairs (0, d/2, 1, d/2 + 1, ...), which is how interleaved RoPE reads them. Requires: first is
  // 0, and rows is a multiple of 2 * heads.
  int64_t heads = 0;
  bool transposed = false;            // the tensor is [cols, rows]
  const SafeTensor* scale = nullptr;  // F8: value = code * scale of its block
  int64_t scale_block = 128;          // rows and columns that share one scale
};

struct NewTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> ne;    // ne[0] contiguous
  std::vector<Part> parts;    // one behind the other
  std::vector<float> values;  // instead of parts: the elements themselves
  float add = 0;              // to every element

  int64_t elements() const;
};

// What a part can be read from: F64, F32, F16, BF16, F8_E4M3.
// Errc::unsupported names the tensor.
Status check_readable(const SafeTensor& tensor);

// Whether every finite element of the parts has a place in F16 (at most 65504).
bool fits_half(const NewTensor& tensor, ThreadPool* pool);

// Hands out the bytes of the tensor, a few MiB at a time; what was read may leave memory afterwards.
// pool: nullptr computes on the calling thread.
Status emit_tensor(const NewTensor& tensor, const Checkpoint& source, ThreadPool* pool,
                   const gguf::Emit& out);

}  // namespace engine::convert
