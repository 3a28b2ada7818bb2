#define EIGEN_DONT_PARALLELIZE
#include "bench/baselines/eigen.h"

#include <Eigen/Dense>

namespace engine::bench {

void eigen_matmul(const float* w, const float* x, float* y, int64_t k, int64_t out, int64_t n) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> a(w, out, k);
  const Eigen::Map<const Eigen::MatrixXf> b(x, k, n);
  Eigen::Map<Eigen::MatrixXf>(y, out, n).noalias() = a * b;
}

}  // namespace engine::bench
