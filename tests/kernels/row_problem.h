// RowProblem: what operators over rows have in common: tensors that move
// to another row together, and float outputs.
#pragma once

#include <deque>

#include "tests/kernels/problem.h"

namespace engine::test {

template <class Args>
class RowProblem : public Problem {
 public:
  std::string name() const override { return name_; }
  const void* args() const override { return &a_; }
  int rows() const override { return total_; }

  void use_rows(int n) override { move(0, n); }
  bool only_row(int r) override {
    move(r, 1);
    return true;
  }

  void clear() override {
    for (const Moving& m : moving_) {
      if (m.role == Role::output) m.rows.clear();
      if (m.role == Role::in_place) {
        for (int64_t r = 0; r < m.rows.tensor.ne[1]; ++r) {
          std::copy_n(m.start.row(r), m.rows.tensor.ne[0], m.rows.row(r));
        }
      }
    }
  }

  std::vector<std::byte> result() override {
    std::vector<std::byte> out;
    for (const Moving& m : moving_) {
      if (m.role == Role::input) continue;
      EXPECT_TRUE(m.rows.padding_untouched()) << name_ << ": wrote between the rows";
      for (int64_t r = 0; r < m.rows.tensor.ne[1]; ++r) {
        const std::byte* row = m.rows.tensor.row(r);
        if (r >= int64_t{first_} * m.factor && r < int64_t{first_ + n_rows_} * m.factor) {
          out.insert(out.end(), row, row + m.rows.tensor.ne[0] * 4);
        } else if (m.role == Role::output) {
          EXPECT_EQ(*reinterpret_cast<const uint32_t*>(row), 0xffffffffu)
              << name_ << ": wrote row " << r << ", which is not in use";
        }
      }
    }
    return out;
  }

 protected:
  enum class Role : uint8_t { input, output, in_place };

  RowProblem(std::string name, int rows) : name_(std::move(name)), total_(rows), n_rows_(rows) {}

  // Registers *field as a tensor of factor rows per row of the step; returns the memory, which
  // lives as long as the problem.
  FloatRows& add(Tensor& field, FloatRows rows, Role role, int factor = 1) {
    FloatRows start;
    if (role == Role::in_place) {
      start = FloatRows(rows.tensor.ne[0], rows.tensor.ne[1]);
      for (int64_t r = 0; r < rows.tensor.ne[1]; ++r)
        std::copy_n(rows.row(r), rows.tensor.ne[0], start.row(r));
    }
    field = rows.tensor;
    moving_.push_back({&field, std::move(rows), std::move(start), role, factor});
    return moving_.back().rows;
  }
  // A second name for a tensor that is there already: an output that is also an input.
  void alias(Tensor& field, const Tensor& as, int factor = 1) {
    field = as;
    aliases_.push_back({&field, as.data, factor});
  }

  // Called when the rows in use change. Tensors are shifted by then.
  virtual void moved(int first, int n) { (void)first, (void)n; }

  Args a_{};
  std::string name_;
  int total_, first_ = 0;
  int32_t n_rows_;

 private:
  struct Moving {
    Tensor* field;
    FloatRows rows, start;
    Role role;
    int factor;
  };
  struct Alias {
    Tensor* field;
    std::byte* base;
    int factor;
  };

  void move(int first, int n) {
    first_ = first, n_rows_ = n;
    for (const Moving& m : moving_)
      m.field->data = m.rows.tensor.data + int64_t{first} * m.factor * m.field->nb[1];
    for (const Alias& s : aliases_)
      s.field->data = s.base + int64_t{first} * s.factor * s.field->nb[1];
    moved(first, n);
  }

  std::deque<Moving> moving_;  // addresses stay
  std::vector<Alias> aliases_;
};

}  // namespace engine::test
