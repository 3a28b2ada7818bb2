// Operators over rows of floats: norms, glu, add, softcap, scale, combine, rope.
#include <gtest/gtest.h>

#include "tests/kernels/problems.h"
#include "tests/kernels/row_problem.h"
#include "tests/support/oracle.h"

namespace engine::test {
namespace {

std::string describe(const RowCase& c) {
  return "width " + std::to_string(c.width) + " n " + std::to_string(c.n) + " groups " +
         std::to_string(c.groups) + " with " + std::to_string(c.with);
}

// What an element-wise result may be off: relative to the values that went into it.
Expected near(double value, double scale) {
  return {value, std::fabs(value) + scale};
}

Guarded vector_of(int64_t n, Data data, Rng& rng) {
  Guarded g(static_cast<size_t>(n) * 4);
  fill_floats(g.as<float>(), n, data, rng);
  return g;
}

class NormProblem : public RowProblem<NormArgs> {
 public:
  NormProblem(const CpuKernel& kernel, const RowCase& c, Data data)
      : RowProblem(describe(c), c.n), c_(c), centred_(kernel.op == Op::layer_norm) {
    Rng rng(3);
    x_ = FloatRows::random(c.width, c.n, data, rng);
    residual_ = FloatRows::random(c.width, c.n, Data::uniform, rng);
    weight_ = vector_of(c.width / c.groups, Data::uniform, rng);
    bias_ = vector_of(c.width / c.groups, Data::uniform, rng);
    if (c.with & kInPlace) {
      add(a_.x, copy(x_), Role::in_place);
      alias(a_.y, a_.x);
    } else {
      add(a_.x, copy(x_), Role::input);
      if (c.with & kResidualIsY) {
        add(a_.y, copy(residual_), Role::in_place);
        alias(a_.residual, a_.y);
      } else {
        add(a_.y, FloatRows(c.width, c.n), Role::output);
      }
    }
    if (c.with & kResidual) add(a_.residual, copy(residual_), Role::input);
    if (c.with & kWeight) a_.weight = weight_.as<float>();
    if (c.with & kBias) a_.bias = bias_.as<float>();
    a_.eps = 1e-5f;
    a_.groups = c.groups;
    a_.n_rows = &n_rows_;
    clear();
  }

  static FloatRows copy(const FloatRows& from) {
    FloatRows r(from.tensor.ne[0], from.tensor.ne[1]);
    for (int64_t i = 0; i < from.tensor.ne[1]; ++i)
      std::copy_n(from.row(i), from.tensor.ne[0], r.row(i));
    return r;
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    const int64_t len = c_.width / c_.groups;
    for (int r = 0; r < c_.n; ++r) {
      for (int g = 0; g < c_.groups; ++g) {
        const Vector x = Eigen::Map<const Eigen::VectorXf>(x_.row(r) + g * len, len).cast<double>();
        const double mean = centred_ ? x.mean() : 0;
        const double inverse =
            1 / std::sqrt((x.array() - mean).square().mean() + static_cast<double>(a_.eps));
        for (int64_t i = 0; i < len; ++i) {
          double v = (x[i] - mean) * inverse;
          double scale = (std::fabs(x[i]) + std::fabs(mean)) * inverse;
          if (a_.weight != nullptr) v *= a_.weight[i], scale *= std::fabs(a_.weight[i]);
          if (a_.bias != nullptr) v += a_.bias[i], scale += std::fabs(a_.bias[i]);
          if (a_.residual)
            v += residual_.row(r)[g * len + i], scale += std::fabs(residual_.row(r)[g * len + i]);
          out.push_back(near(v, scale));
        }
      }
    }
    return out;
  }

 private:
  RowCase c_;
  bool centred_;
  FloatRows x_, residual_;
  Guarded weight_, bias_;
};

class GluProblem : public RowProblem<GluArgs> {
 public:
  GluProblem(const RowCase& c, Data data) : RowProblem(describe(c), c.n), c_(c) {
    Rng rng(4);
    gate_ = FloatRows::random(c.width, c.n * c.groups, data, rng);
    up_ = FloatRows::random(c.width, c.n * c.groups, data, rng);
    for (int64_t r = 0; r < c.n * c.groups; ++r) {
      for (int64_t i = 0; i < c.width; ++i) gate_.row(r)[i] *= 8;  // both tails of the activations
    }
    if (c.with & kInPlace) {
      add(a_.gate, NormProblem::copy(gate_), Role::in_place, c.groups);
      alias(a_.y, a_.gate, c.groups);
    } else {
      add(a_.gate, NormProblem::copy(gate_), Role::input, c.groups);
      add(a_.y, FloatRows(c.width, c.n * c.groups), Role::output, c.groups);
    }
    if ((c.with & kAlone) == 0) add(a_.up, NormProblem::copy(up_), Role::input, c.groups);
    a_.act = c.with & kSilu   ? Act::silu
             : c.with & kGelu ? Act::gelu_tanh
             : c.with & kRelu ? Act::relu
                              : Act::none;
    a_.row_factor = c.groups;
    a_.n_rows = &n_rows_;
    clear();
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int64_t r = 0; r < c_.n * c_.groups; ++r) {
      for (int64_t i = 0; i < c_.width; ++i) {
        const double up = c_.with & kAlone ? 1.0 : static_cast<double>(up_.row(r)[i]);
        out.push_back(near(act(a_.act, gate_.row(r)[i]) * up, 0.1 * std::fabs(up)));
      }
    }
    return out;
  }

 private:
  RowCase c_;
  FloatRows gate_, up_;
};

// add: y = a + 0.7 b; softcap: y = 3 tanh(a / 3); scale: y = a * 0.7 (* vector). In place: y is a.
template <class Args>
class PointwiseProblem : public RowProblem<Args> {
 public:
  using Base = RowProblem<Args>;
  using Base::a_;

  PointwiseProblem(const RowCase& c, Data data) : Base(describe(c), c.n), c_(c) {
    Rng rng(5);
    x_ = FloatRows::random(c.width, c.n, data, rng);
    b_ = FloatRows::random(c.width, c.n, data, rng);
    vector_ = vector_of(c.width, Data::uniform, rng);
    using Role = typename Base::Role;
    Tensor* x;
    if constexpr (std::is_same_v<Args, AddArgs>) {
      x = &a_.a;
      this->add(a_.b, NormProblem::copy(b_), Role::input);
      a_.scale = 0.7f;
    } else if constexpr (std::is_same_v<Args, SoftcapArgs>) {
      x = &a_.x;
      a_.cap = 3;
    } else {
      x = &a_.x;
      a_.scale = 0.7f;
      a_.vector = c.with & kWeight ? vector_.template as<float>() : nullptr;
    }
    if (c.with & kInPlace) {
      this->add(*x, NormProblem::copy(x_), Role::in_place);
      this->alias(a_.y, *x);
    } else {
      this->add(*x, NormProblem::copy(x_), Role::input);
      this->add(a_.y, FloatRows(c.width, c.n), Role::output);
    }
    a_.n_rows = &this->n_rows_;
    this->clear();
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int64_t r = 0; r < c_.n; ++r) {
      for (int64_t i = 0; i < c_.width; ++i) {
        const double x = x_.row(r)[i], b = b_.row(r)[i];
        if constexpr (std::is_same_v<Args, AddArgs>) {
          out.push_back(near(x + static_cast<double>(a_.scale) * b, std::fabs(x) + std::fabs(b)));
        } else if constexpr (std::is_same_v<Args, SoftcapArgs>) {
          out.push_back(near(a_.cap * std::tanh(x / a_.cap), 0));
        } else {
          out.push_back(near(
              x * static_cast<double>(a_.scale) * (a_.vector != nullptr ? a_.vector[i] : 1.0), 0));
        }
      }
    }
    return out;
  }

 private:
  RowCase c_;
  FloatRows x_, b_;
  Guarded vector_;
};

class CombineProblem : public RowProblem<CombineArgs> {
 public:
  CombineProblem(const RowCase& c, Data data) : RowProblem(describe(c), c.n), c_(c) {
    Rng rng(6);
    x_ = FloatRows::random(c.width, c.n * c.groups, data, rng);
    residual_ = FloatRows::random(c.width, c.n, Data::uniform, rng);
    weights_ = vector_of(c.n * c.groups, Data::uniform, rng);
    add(a_.x, NormProblem::copy(x_), Role::input, c.groups);
    if (c.with & kResidualIsY) {
      add(a_.y, NormProblem::copy(residual_), Role::in_place);
      alias(a_.residual, a_.y);
    } else {
      add(a_.y, FloatRows(c.width, c.n), Role::output);
      if (c.with & kResidual) add(a_.residual, NormProblem::copy(residual_), Role::input);
    }
    a_.n_used = c.groups;
    a_.n_rows = &n_rows_;
    moved(0, c.n);
    clear();
  }

  void moved(int first, int) override { a_.weights = weights_.as<float>() + first * c_.groups; }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int64_t r = 0; r < c_.n; ++r) {
      for (int64_t i = 0; i < c_.width; ++i) {
        double v = a_.residual ? residual_.row(r)[i] : 0, scale = std::fabs(v);
        for (int s = 0; s < c_.groups; ++s) {
          const double t = static_cast<double>(weights_.as<float>()[r * c_.groups + s]) *
                           x_.row(r * c_.groups + s)[i];
          v += t, scale += std::fabs(t);
        }
        out.push_back(near(v, scale));
      }
    }
    return out;
  }

 private:
  RowCase c_;
  FloatRows x_, residual_;
  Guarded weights_;
};

class RopeProblem : public RowProblem<RopeArgs> {
 public:
  RopeProblem(const RopeCase& c, Data data, bool in_place)
      : RowProblem("dim " + std::to_string(c.head_dim) + " rot " + std::to_string(c.n_rot) +
                       " heads " + std::to_string(c.n_head) + (in_place ? " in place" : ""),
                   c.n),
        c_(c) {
    Rng rng(7);
    x_ = FloatRows::random(c.head_dim * c.n_head, c.n, data, rng);
    table_ = FloatRows(c.n_rot, c.n);
    for (int r = 0; r < c.n; ++r) {
      for (int i = 0; i < c.n_rot / 2; ++i) {
        table_.row(r)[i] = static_cast<float>(std::cos(angle(r, i)));
        table_.row(r)[c.n_rot / 2 + i] = static_cast<float>(std::sin(angle(r, i)));
      }
    }
    if (in_place) {
      add(a_.x, NormProblem::copy(x_), Role::in_place);
      alias(a_.y, a_.x);
    } else {
      add(a_.x, NormProblem::copy(x_), Role::input);
      add(a_.y, FloatRows(c.head_dim * c.n_head, c.n), Role::output);
    }
    add(a_.table, NormProblem::copy(table_), Role::input);
    a_.style = c.style;
    a_.n_head = c.n_head, a_.head_dim = c.head_dim, a_.n_rot = c.n_rot;
    a_.n_rows = &n_rows_;
    clear();
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int r = 0; r < c_.n; ++r) {
      for (int h = 0; h < c_.n_head; ++h) {
        const float* x = x_.row(r) + h * c_.head_dim;
        for (int i = 0; i < c_.head_dim; ++i) {
          if (i >= c_.n_rot) {
            out.push_back({x[i], 0});
            continue;
          }
          const int half = c_.n_rot / 2;
          const int pair = c_.style == RopeStyle::norm ? i / 2 : i % half;
          const bool first = c_.style == RopeStyle::norm ? i % 2 == 0 : i < half;
          const int apart = c_.style == RopeStyle::norm ? 1 : half;
          const double other = x[first ? i + apart : i - apart];
          const double v =
              x[i] * std::cos(angle(r, pair)) + (first ? -other : other) * std::sin(angle(r, pair));
          out.push_back(near(v, std::fabs(x[i]) + std::fabs(other)));
        }
      }
    }
    return out;
  }

 private:
  static double angle(int row, int i) { return row * 17 / (1 + 3.0 * i); }

  RopeCase c_;
  FloatRows x_, table_;
};

}  // namespace

void add_rows(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op == Op::rms_norm || kernel.op == Op::layer_norm) {
    for (const RowCase& c : kNorms) out.push_back(std::make_unique<NormProblem>(kernel, c, data));
  }
  if (kernel.op == Op::glu) {
    for (const RowCase& c : kGlus) out.push_back(std::make_unique<GluProblem>(c, data));
  }
  for (const RowCase& c : kPointwise) {
    if (kernel.op == Op::add) out.push_back(std::make_unique<PointwiseProblem<AddArgs>>(c, data));
    if (kernel.op == Op::softcap)
      out.push_back(std::make_unique<PointwiseProblem<SoftcapArgs>>(c, data));
    if (kernel.op == Op::scale)
      out.push_back(std::make_unique<PointwiseProblem<ScaleArgs>>(c, data));
  }
  if (kernel.op == Op::combine) {
    for (const RowCase& c : kCombines) out.push_back(std::make_unique<CombineProblem>(c, data));
  }
  if (kernel.op == Op::rope) {
    for (const RopeCase& c : kRopes) {
      out.push_back(std::make_unique<RopeProblem>(c, data, true));
      out.push_back(std::make_unique<RopeProblem>(c, data, false));
    }
  }
}

}  // namespace engine::test
