// Single-thread f32 products of Eigen: the yardstick of bench_kernels.
#pragma once

#include <cstdint>

namespace engine::bench {

// y[out, n] = w[out, k] x[k, n]; rows of w and columns of x and y are contiguous.
void eigen_matmul(const float* w, const float* x, float* y, int64_t k, int64_t out, int64_t n);

}  // namespace engine::bench
