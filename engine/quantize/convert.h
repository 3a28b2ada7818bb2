// Converter: one tensor from one type to another, rows spread over the threads of a pool, with bounded memory.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/tensor.h"
#include "engine/core/thread_pool.h"

namespace engine::quant {

class Converter {
 public:
  // buffer_bytes: of finished rows in memory, at least one row per tensor. The pool outlives the Converter.
  Converter(ThreadPool& pool, size_t buffer_bytes);

  // rows: finished so far, of the whole tensor.
  using EmitRows = std::function<Status(std::span<const std::byte>, int64_t rows)>;
  // importance: [ne[2] or 1][ne[0]], or empty. emit gets all rows in order; it is called while other threads go on.
  // Requires: both types can be (kernels/types/codec.h, find_quantizer), rows of source are whole blocks of both.
  // Errc::corrupt: numbers that are not finite, in the source or as scales of the result.
  Status convert(const std::string& name, const Tensor& source, DType type,
                 std::span<const float> importance, const EmitRows& emit);

  int64_t busy_ns() const { return busy_ns_; }  // spent in convert(), without emit

 private:
  struct Job;
  void work(Job& job, const Team& team);

  ThreadPool& pool_;
  const size_t buffer_bytes_;
  const uint64_t features_;
  int64_t busy_ns_ = 0;
  std::vector<std::vector<float>> rows_;  // one per worker
  std::vector<std::byte> slabs_[2];       // one is filled while the other is emitted
};

// Whether all scales of the blocks are finite.
bool is_valid(DType type, std::span<const std::byte> blocks);

}  // namespace engine::quant
