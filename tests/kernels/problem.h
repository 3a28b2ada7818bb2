// Problem: one operator with arguments, data and an answer in double. The conformance tests know
// kernels only through it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/registry.h"
#include "tests/support/blocks.h"
#include "tests/support/guarded.h"
#include "tests/support/random.h"

namespace engine::test {

using CpuKernel = Kernel<cpu::Ctx>;

// The answer for one float: |got - value| <= tolerance * slack + step + 2^-20 |value|. step: what
// storing it may cost (half, int8).
struct Expected {
  double value, slack;
  double step = 0;
};

class Problem {
 public:
  virtual ~Problem() = default;

  virtual std::string name() const = 0;
  // Lays the arguments out for this kernel.
  // Requires: same op and types as the kernel the problem was made for.
  virtual void bind(const CpuKernel&) {}
  virtual const void* args() const = 0;
  virtual int rows() const = 0;                 // that can be asked for alone
  virtual void use_rows(int n) = 0;             // the first n of them; 0 is allowed
  virtual bool only_row(int) { return false; }  // this one alone; false: makes no sense here
  virtual void clear() = 0;  // outputs to rubbish, in-place inputs to their start
  // All outputs of the rows in use, in row order, same bytes per row. Checks that nothing around
  // the outputs was touched.
  virtual std::vector<std::byte> result() = 0;
  // One per float of the result in use_rows(rows()); empty: results must be equal byte for byte.
  virtual std::vector<Expected> expected() = 0;
};

// Problems for every shape of cases.h that fits the op and types of the kernel.
std::vector<std::unique_ptr<Problem>> make_problems(const CpuKernel& kernel, Data data);

// Runs all items in one call, or cut at random and in random order, each part with fresh scratch.
void run_all(const CpuKernel& kernel, Problem& problem);
void run_cut(const CpuKernel& kernel, Problem& problem, Rng& rng);

// A float tensor whose rows start at multiples of 64 bytes, behind guard pages.
struct FloatRows {
  FloatRows() = default;
  FloatRows(int64_t width, int64_t rows);
  static FloatRows random(int64_t width, int64_t rows, Data data, Rng& rng);

  float* row(int64_t r) const { return reinterpret_cast<float*>(tensor.row(r)); }
  void clear() const;
  bool padding_untouched() const;  // between the rows

  Guarded memory;
  Tensor tensor;
};

}  // namespace engine::test
