// MatmulProblem: weights, activations, lists of experts and epilogues of a matmul.
#pragma once

#include "tests/kernels/cases.h"
#include "tests/kernels/problem.h"
#include "tests/support/oracle.h"

namespace engine::test {

struct Weights {
  void make(DType type, int64_t k, int64_t out, int64_t experts, Data data, Rng& rng);
  // as the kernel reads it; packed in two calls
  Tensor laid_out(const CpuKernel& kernel, Rng& rng);
  Matrix decoded(int64_t expert) const;  // [out, k]

  Guarded memory, packed;
  Tensor file;
};

class MatmulProblem : public Problem {
 public:
  MatmulProblem(const CpuKernel& kernel, const MatmulCase& c, Data data, uint64_t seed);
  MatmulProblem(const CpuKernel& kernel, const ExpertCase& c, Data data, uint64_t seed);

  std::string name() const override { return name_; }
  void bind(const CpuKernel& kernel) override;
  // Weights as in the file, for the kernel to pack while it reads. Requires: it has a packing.
  void bind_loose(const CpuKernel& kernel);
  const void* args() const override { return &a_; }
  int rows() const override { return static_cast<int>(y_.tensor.ne[1]); }  // of experts: entries
  void use_rows(int n) override;
  bool only_row(int r) override;
  void clear() override;
  std::vector<std::byte> result() override;
  std::vector<Expected> expected() override;

  Weights& weights() { return w_; }

 private:
  MatmulProblem(const CpuKernel& kernel, const ExpertCase& c, Data data, uint64_t seed,
                bool experts);
  void make_x(DType type, int64_t n, Data data);
  void make_list(int first, int last);
  void shift(int row);
  Vector column(int64_t row) const;
  void expect_row(const Matrix& w, const Matrix& up, int64_t y_row, const Vector& x,
                  std::vector<Expected>& out) const;

  ExpertCase c_;
  bool experts_;
  Rng rng_;
  int32_t n_rows_;
  std::string name_;
  Weights w_, up_;
  FloatRows x_float_, y_, residual_;
  Guarded x_codes_, bias_;
  Tensor x_;
  MatmulArgs a_{};
  std::vector<int> expert_of_;
  std::vector<int32_t> offsets_, entries_;
  ExpertList list_{};
  int first_ = 0, shown_ = 0;
};

}  // namespace engine::test
