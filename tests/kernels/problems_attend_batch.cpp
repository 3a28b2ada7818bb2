// attend_batch over two sequences in one step.
#include <gtest/gtest.h>

#include "tests/kernels/problems.h"
#include "tests/kernels/row_problem.h"
#include "tests/support/oracle.h"

namespace engine::test {
namespace {

class AttendBatchProblem : public RowProblem<AttendBatchArgs> {
 public:
  AttendBatchProblem(const AttendBatchCase& c, Data data)
      : RowProblem("d " + std::to_string(c.d) + " heads " + std::to_string(c.n_head) + "/" +
                       std::to_string(c.n_head_kv) + " n " + std::to_string(c.n[0]) + "," +
                       std::to_string(c.n[1]) + " window " + std::to_string(c.window),
                   c.n[0] + c.n[1]),
        c_(c) {
    Rng rng(31);
    FloatRows q = FloatRows::random(c.d * c.n_head, total_, data, rng);
    for (int r = 0; r < total_; ++r)
      for (int64_t i = 0; i < c.d * c.n_head; ++i) q.row(r)[i] *= 6;  // weights far from equal
    add(a_.q, std::move(q), Role::input);
    add(a_.k, FloatRows::random(c.d * c.n_head_kv, total_, data, rng), Role::input);
    add(a_.v, FloatRows::random(c.d * c.n_head_kv, total_, data, rng), Role::input);
    add(a_.y, FloatRows(c.d * c.n_head, total_), Role::output);
    q_ = a_.q, k_ = a_.k, v_ = a_.v;
    a_.n_head = c.n_head, a_.n_head_kv = c.n_head_kv, a_.window = c.window;
    a_.scale = 1 / std::sqrt(static_cast<float>(c.d));
    a_.step = &step_;
    moved(0, total_);
    clear();
  }

  // Fewer rows would be another sequence with other answers: all of them, or none.
  bool only_row(int) override { return false; }

  void moved(int, int n) override {
    segments_.clear(), row_segment_.clear();
    for (int s = 0, at = 0; n > 0 && s < 2; at += c_.n[s++]) {
      if (c_.n[s] == 0) continue;
      Segment seg;
      seg.row0 = at, seg.n_rows = c_.n[s];
      row_segment_.insert(row_segment_.end(), static_cast<size_t>(c_.n[s]),
                          static_cast<int32_t>(segments_.size()));
      segments_.push_back(seg);
    }
    step_.n_rows = n;
    step_.segments = segments_;
    step_.row_segment = row_segment_;
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int s = 0, row0 = 0; s < 2; row0 += c_.n[s++]) {
      for (int r = row0; r < row0 + c_.n[s]; ++r) {
        std::vector<bool> visible(static_cast<size_t>(c_.n[s]));
        for (int t = 0; t < c_.n[s]; ++t)
          visible[static_cast<size_t>(t)] =
              c_.window == 0 || std::abs(t - (r - row0)) <= c_.window / 2;
        for (int h = 0; h < c_.n_head; ++h) expect_head(r, h, row0, c_.n[s], visible, out);
      }
    }
    return out;
  }

 private:
  Vector head(const Tensor& t, int64_t row, int h) const {
    return Eigen::Map<const Eigen::VectorXf>(reinterpret_cast<const float*>(t.row(row)) + h * c_.d,
                                             c_.d)
        .cast<double>();
  }

  void expect_head(int r, int h, int row0, int n, const std::vector<bool>& visible,
                   std::vector<Expected>& out) const {
    const int h_kv = h / (c_.n_head / c_.n_head_kv);
    Matrix keys(c_.d, n), values(c_.d, n);
    for (int t = 0; t < n; ++t)
      keys.col(t) = head(k_, row0 + t, h_kv), values.col(t) = head(v_, row0 + t, h_kv);
    const Vector q = head(q_, r, h);
    const Vector y = attention(q, keys, values, visible, static_cast<double>(a_.scale), 0,
                               std::numeric_limits<double>::quiet_NaN());
    const double most = values.cwiseAbs().maxCoeff();
    const double score =
        q.norm() * keys.colwise().norm().maxCoeff() * static_cast<double>(a_.scale);
    for (double v : y) out.push_back({v, most * (1 + score)});
  }

  AttendBatchCase c_;
  Tensor q_, k_, v_;  // from row 0 on
  std::vector<Segment> segments_;
  std::vector<int32_t> row_segment_;
  StepState step_;
};

}  // namespace

void add_attend_batch(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op != Op::attend_batch) return;
  if (data == Data::high || data == Data::low || data == Data::mixed) return;  // of codes
  for (const AttendBatchCase& c : kAttendBatches)
    out.push_back(std::make_unique<AttendBatchProblem>(c, data));
}

}  // namespace engine::test
