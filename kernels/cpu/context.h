// What a CPU kernel gets beside its arguments. Included by every kernel file, so it stays small.
#pragma once

#include "engine/core/cpu_features.h"
#include "kernels/kernel.h"

namespace engine::cpu {

struct Ctx {
  // of this worker, as many bytes as Kernel::scratch asked for, 64-byte aligned
  std::byte* scratch = nullptr;
};

// kernel<Op::x, run, items, grain>(id, w, x, needs, rank)
template <Op op, auto run_fn, auto items_fn, auto grain_fn>
constexpr Kernel<Ctx> kernel(const char* id, DType w, DType x, uint64_t needs, int rank) {
  return make_kernel<Ctx, op, run_fn, items_fn, grain_fn>(id, w, x, needs, rank);
}

}  // namespace engine::cpu
