// Double-precision second opinions, with Eigen: they share no code with the kernels.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/op.h"

namespace engine::test {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

inline double act(Act a, double x) {
  if (a == Act::silu) return x / (1 + std::exp(-x));
  if (a == Act::gelu_tanh)
    return 0.5 * x * (1 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  if (a == Act::relu) return std::max(x, 0.0);
  return x;
}

inline double rms(const Vector& v) {
  return v.size() == 0 ? 0 : v.norm() / std::sqrt(static_cast<double>(v.size()));
}

// The orthonormal Walsh-Hadamard matrix of n rows, n a power of two, by its definition.
inline Matrix hadamard_matrix(int64_t n) {
  Matrix h(n, n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j)
      h(i, j) = __builtin_parityll(static_cast<uint64_t>(i & j)) ? -1 : 1;
  }
  return h / std::sqrt(static_cast<double>(n));
}

// Attention of one query over the keys (columns) that are visible. sink: NaN for none.
inline Vector attention(const Vector& q, const Matrix& k, const Matrix& v,
                        const std::vector<bool>& visible, double scale, double cap, double sink) {
  Vector s = (k.transpose() * q) * scale;
  double top = std::isnan(sink) ? -std::numeric_limits<double>::infinity() : sink;
  for (int64_t t = 0; t < s.size(); ++t) {
    if (cap != 0) s[t] = cap * std::tanh(s[t] / cap);
    if (visible[static_cast<size_t>(t)]) top = std::max(top, s[t]);
  }
  double total = std::isnan(sink) ? 0 : std::exp(sink - top);
  Vector y = Vector::Zero(v.rows());
  for (int64_t t = 0; t < s.size(); ++t) {
    if (!visible[static_cast<size_t>(t)]) continue;
    const double w = std::exp(s[t] - top);
    total += w;
    y += w * v.col(t);
  }
  return y / total;
}

}  // namespace engine::test
