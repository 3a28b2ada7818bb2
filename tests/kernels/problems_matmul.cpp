// matmul and expert_matmul: weights of any type, in the file's layout
// or packed, against Eigen in double.
#include <gtest/gtest.h>

#include "kernels/types/a8x256.h"
#include "tests/kernels/matmul_problem.h"
#include "tests/kernels/problems.h"
#include "tests/support/oracle.h"

namespace engine::test {

// A weight matrix of out rows per expert, ending at a guard page,
// and its packed copy for the kernel in use.
void Weights::make(DType type, int64_t k, int64_t out, int64_t experts, Data data, Rng& rng) {
  memory = Guarded(static_cast<size_t>(row_bytes(type, k) * out * experts));
  fill_weights(type, memory.data(), static_cast<int64_t>(memory.size()), data, rng);
  file = make_tensor(memory.data(), type, k, out, experts);
}

Tensor Weights::laid_out(const CpuKernel& kernel, Rng& rng) {
  if (kernel.pack == nullptr) return file;
  packed = Guarded(kernel.pack->bytes(file), 64);
  const int64_t panels = (file.ne[1] + kernel.pack->rows - 1) / kernel.pack->rows * file.ne[2];
  const int64_t cut = rng.below(panels + 1);
  kernel.pack->run(file, {cut, panels}, packed.data());
  kernel.pack->run(file, {0, cut}, packed.data());
  Tensor t = file;
  t.data = packed.data();
  t.pack = kernel.pack->id;
  return t;
}

Matrix Weights::decoded(int64_t expert) const {
  Matrix m(file.ne[1], file.ne[0]);
  std::vector<float> row(static_cast<size_t>(file.ne[0]));
  for (int64_t i = 0; i < file.ne[1]; ++i) {
    codec(file.dtype)
        ->dequant_row(file.data + expert * file.nb[2] + i * file.nb[1], row.data(), file.ne[0]);
    for (int64_t j = 0; j < file.ne[0]; ++j) m(i, j) = row[static_cast<size_t>(j)];
  }
  return m;
}

MatmulProblem::MatmulProblem(const CpuKernel& kernel, const MatmulCase& c, Data data, uint64_t seed)
    : MatmulProblem(kernel, ExpertCase{c.k, c.out, c.n, 1, 1, false, c.with}, data, seed, false) {}

MatmulProblem::MatmulProblem(const CpuKernel& kernel, const ExpertCase& c, Data data, uint64_t seed)
    : MatmulProblem(kernel, c, data, seed, true) {}

MatmulProblem::MatmulProblem(const CpuKernel& kernel, const ExpertCase& c, Data data, uint64_t seed,
                             bool experts)
    : c_(c), experts_(experts), rng_(seed), n_rows_(c.n) {
  name_ = "k " + std::to_string(c.k) + " out " + std::to_string(c.out) + " n " +
          std::to_string(c.n) + " with " + std::to_string(c.with) +
          (experts ? " experts " + std::to_string(c.n_expert) : "");
  w_.make(kernel.w, c.k, c.out, c.n_expert, data, rng_);
  if (c.with & kUp) up_.make(kernel.w, c.k, c.out, c.n_expert, data, rng_);
  const int entries = experts ? c.n * c.n_used : c.n;
  make_x(kernel.x, experts && c.x_per_entry ? entries : c.n, data);
  y_ = FloatRows(c.out, entries);
  residual_ = FloatRows::random(c.out, entries, Data::uniform, rng_);
  if (c.with & kBias) {
    bias_ = Guarded(static_cast<size_t>(c.out) * 4);
    fill_floats(bias_.as<float>(), c.out, Data::uniform, rng_);
    a_.epilogue.bias = bias_.as<float>();
  }
  if (c.with & kScale) a_.epilogue.scale = 0.37f;
  if (c.with & kCap) a_.epilogue.softcap = 5;
  a_.epilogue.act = c.with & kSilu   ? Act::silu
                    : c.with & kGelu ? Act::gelu_tanh
                    : c.with & kRelu ? Act::relu
                                     : Act::none;
  if (c.with & kResidual) a_.epilogue.residual = residual_.tensor;
  if (c.with & kResidualIsY) a_.epilogue.residual = y_.tensor;
  a_.x = x_;
  a_.y = y_.tensor;
  a_.x_per_entry = c.x_per_entry;
  a_.n_rows = &n_rows_;
  if (experts) {
    // n_used different experts per row; the last expert stays empty where it can
    for (int i = 0; i < entries; ++i) {
      const int most = c.n_expert > c.n_used ? c.n_expert - 1 : c.n_expert;
      expert_of_.push_back(static_cast<int>((i / c.n_used * 7 + i % c.n_used) % most));
    }
    a_.experts = &list_;
  }
  use_rows(entries);
}

void MatmulProblem::make_x(DType type, int64_t n, Data data) {
  FloatRows x = FloatRows::random(c_.k, n, data, rng_);
  if (type == DType::f32) {
    x_float_ = std::move(x);
    x_ = x_float_.tensor;
    return;
  }
  const int64_t bytes = row_bytes(type, c_.k), stride = (bytes + 63) / 64 * 64;
  x_codes_ = Guarded(static_cast<size_t>((n - 1) * stride + bytes), 64);
  x_ = make_tensor(x_codes_.data(), type, c_.k, n);
  x_.nb[1] = stride;
  x_.nb[2] = x_.nb[3] = stride * n;
  int32_t rows = static_cast<int32_t>(n);
  const QuantizeArgs q{x.tensor, x_, &rows};
  cpu::Ctx ctx;
  const Registry<cpu::Ctx> registry(cpu::all_kernels());
  registry.scalar(Op::quantize_act, type, DType::f32)->run(&q, {0, n}, ctx);
}

void MatmulProblem::bind(const CpuKernel& kernel) {
  a_.w = w_.laid_out(kernel, rng_);
  if (c_.with & kUp) a_.up = up_.laid_out(kernel, rng_);
  a_.micro = kernel.micro, a_.pack = nullptr;
}

void MatmulProblem::bind_loose(const CpuKernel& kernel) {
  a_.w = w_.file;
  if (c_.with & kUp) a_.up = up_.file;
  a_.micro = kernel.micro, a_.pack = kernel.pack;
}

void MatmulProblem::make_list(int first, int last) {
  offsets_.assign(static_cast<size_t>(c_.n_expert) + 1, 0);
  entries_.clear();
  for (int e = 0; e < c_.n_expert; ++e) {
    for (int i = first; i < last; ++i) {
      if (expert_of_[static_cast<size_t>(i)] == e) entries_.push_back(i);
    }
    offsets_[static_cast<size_t>(e) + 1] = static_cast<int32_t>(entries_.size());
  }
  list_ = {c_.n_expert, c_.n_used, offsets_.data(), entries_.data()};
}

void MatmulProblem::use_rows(int n) {
  first_ = 0, n_rows_ = experts_ ? n / c_.n_used : n, shown_ = n;
  shift(0);
  if (experts_) make_list(0, shown_);
}

bool MatmulProblem::only_row(int r) {
  first_ = r, shown_ = 1;
  if (experts_) {  // the row stays where it is, the list names it alone
    make_list(r, r + 1);
  } else {
    n_rows_ = 1;
    shift(r);
  }
  return true;
}

void MatmulProblem::shift(int row) {
  a_.x.data = x_.data + row * x_.nb[1];
  a_.y.data = y_.tensor.row(row);
  if (c_.with & kResidual) a_.epilogue.residual.data = residual_.tensor.row(row);
  if (c_.with & kResidualIsY) a_.epilogue.residual.data = y_.tensor.row(row);
}

void MatmulProblem::clear() {
  y_.clear();
  if (c_.with & kResidualIsY) {
    for (int64_t r = 0; r < y_.tensor.ne[1]; ++r) std::copy_n(residual_.row(r), c_.out, y_.row(r));
  }
}

std::vector<std::byte> MatmulProblem::result() {
  EXPECT_TRUE(y_.padding_untouched()) << name_ << ": wrote between the rows";
  std::vector<std::byte> out;
  for (int r = 0; r < y_.tensor.ne[1]; ++r) {
    const std::byte* row = y_.tensor.row(r);
    if (r >= first_ && r < first_ + shown_) {
      out.insert(out.end(), row, row + c_.out * 4);
    } else if (!(c_.with & kResidualIsY)) {
      EXPECT_EQ(*reinterpret_cast<const uint32_t*>(row), 0xffffffffu)
          << name_ << ": wrote row " << r << ", which is not in use";
    }
  }
  return out;
}

Vector MatmulProblem::column(int64_t row) const {
  Vector v(c_.k);
  const std::byte* p = x_.row(row);
  for (int64_t i = 0; i < c_.k; ++i) {
    if (x_.dtype == DType::f32) {
      v[i] = reinterpret_cast<const float*>(p)[i];
    } else {
      v[i] = reinterpret_cast<const int8_t*>(p)[i];
      if (x_.dtype == DType::a8x256) {
        const BlockColumn b = block_column(p, c_.k);
        v[i] *= static_cast<double>(b.d[i / 256]) * (1 << b.lift[i / 32]);
      } else {
        v[i] *= reinterpret_cast<const float*>(p + c_.k)[i / 32];
      }
    }
  }
  return v;
}

// One row of y: values, and what an error of one unit (sqrt(k) rms(w) rms(x))
// becomes on its way through the epilogue.
void MatmulProblem::expect_row(const Matrix& w, const Matrix& up, int64_t y_row, const Vector& x,
                               std::vector<Expected>& out) const {
  const Epilogue& e = a_.epilogue;
  const double unit = std::sqrt(static_cast<double>(c_.k)) * rms(x);
  const Vector v = w * x, u = c_.with & kUp ? Vector(up * x) : Vector();
  for (int64_t i = 0; i < c_.out; ++i) {
    double value = v[i], slack = unit * rms(w.row(i));
    if (e.bias != nullptr) value += e.bias[i], slack += std::fabs(e.bias[i]);
    value *= e.scale, slack *= e.scale;
    if (e.softcap != 0) value = e.softcap * std::tanh(value / e.softcap);
    value = act(e.act, value);
    slack = 1.2 * slack + std::fabs(value);
    if (c_.with & kUp) {
      slack = slack * std::fabs(u[i]) + std::fabs(value) * unit * rms(up.row(i));
      value *= u[i];
    }
    if (c_.with & (kResidual | kResidualIsY)) {
      const double r = residual_.row(y_row)[i];
      value += r, slack += std::fabs(r);
    }
    out.push_back({value, slack});
  }
}

std::vector<Expected> MatmulProblem::expected() {
  std::vector<Expected> out;
  std::vector<Matrix> w, up;
  for (int e = 0; e < c_.n_expert; ++e) {
    w.push_back(w_.decoded(e));
    up.push_back(c_.with & kUp ? up_.decoded(e) : Matrix());
  }
  for (int64_t r = 0; r < y_.tensor.ne[1]; ++r) {
    const size_t e = experts_ ? static_cast<size_t>(expert_of_[static_cast<size_t>(r)]) : 0;
    expect_row(w[e], up[e], r, column(experts_ && !c_.x_per_entry ? r / c_.n_used : r), out);
  }
  return out;
}

void add_matmul(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op != Op::matmul) return;
  for (const MatmulCase& c : kMatmul) {
    // the largest is slow
    if (c.k % traits(kernel.w).block_elems != 0 || (c.k > 2048 && data != Data::uniform)) continue;
    out.push_back(std::make_unique<MatmulProblem>(kernel, c, data, 1));
  }
}

void add_expert_matmul(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op != Op::expert_matmul) return;
  for (const ExpertCase& c : kExperts) {
    if (c.k % traits(kernel.w).block_elems == 0)
      out.push_back(std::make_unique<MatmulProblem>(kernel, c, data, 2));
  }
}

}  // namespace engine::test
