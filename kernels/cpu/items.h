// Item counts that many kernels share.
#pragma once

#include <cstdint>

namespace engine::cpu {
namespace {

template <class Args>
int64_t row_items(const Args& a) {
  if constexpr (requires { a.row_factor; }) return static_cast<int64_t>(*a.n_rows) * a.row_factor;
  return *a.n_rows;
}

template <class Args>
int64_t step_row_items(const Args& a) {
  return a.step->n_rows;
}

template <class Args>
int64_t single_item(const Args&) {
  return 1;
}

}  // namespace
}  // namespace engine::cpu
