// Case: one kernel on one shape of a model: arguments, data, what a
// call reads and computes. Made for the kernel that is timed, and
// again, from the same seeds, for its scalar twin, which checks it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/arena.h"
#include "kernels/cpu/registry.h"

namespace engine::bench {

using CpuKernel = Kernel<cpu::Ctx>;

struct Matrix {
  int64_t k, out;
  int n;
};

// A file of bench/shapes.
struct ModelShape {
  std::string name;
  int n_embd = 0, n_ff = 0, n_head = 0, n_head_kv = 0, head_dim = 0, n_vocab = 0, window = 0;
  std::vector<Matrix> matrices;
};
std::vector<std::string> shape_names();
ModelShape read_shape(const std::string& name);  // ends the program when there is none

class Case {
 public:
  std::string shape;  // "k:576/out:1536/n:1"
  const void* args = nullptr;
  int rows = 1;                            // of a timed call
  std::function<void(int rows)> use_rows;  // the first of them
  // Cold data: calls walk through copies,
  // so that what a step of a model reads once comes from memory.
  size_t copies = 1;
  std::function<void(size_t copy)> use_copy;
  std::function<std::vector<float>(int rows)> result;  // of the first rows
  double tolerance = 1e-4;                             // of the norm of the difference
  double bytes = 0, macs = 0;  // of a call with all rows; bytes: 0 where all is in caches
  bool int8 = false;           // products of bytes

  std::byte* memory(size_t bytes, bool huge = false);
  float* floats(int64_t n, uint32_t seed);  // normal
  // Keeps an object alive, at its address.
  template <class T>
  T& own(T value) {
    auto p = std::make_shared<T>(std::move(value));
    objects_.push_back(p);
    return *p;
  }

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::shared_ptr<void>> objects_;
};

// cold: with copies, for timing.
using CaseMaker = std::function<std::unique_ptr<Case>(const CpuKernel&, bool cold)>;
struct NamedCase {
  std::string shape;
  CaseMaker make;
};

// The cases of an operator on a model; empty: not one of these operators.
std::vector<NamedCase> matrix_cases(const CpuKernel& kernel, const ModelShape& shape);
std::vector<NamedCase> row_cases(const CpuKernel& kernel, const ModelShape& shape);
std::vector<NamedCase> attention_cases(const CpuKernel& kernel, const ModelShape& shape);
std::vector<NamedCase> choice_cases(const CpuKernel& kernel, const ModelShape& shape);

// Memory that copies must cover to be cold: four times the last-level cache.
size_t cold_bytes();
// Runs all items; scratch as the kernel asks for.
void run_whole(const CpuKernel& kernel, const void* args);
// y = width floats of each of the first rows of t.
std::vector<float> rows_of(const Tensor& t, int rows);
const CpuKernel* scalar_of(Op op, DType w, DType x);

}  // namespace engine::bench
