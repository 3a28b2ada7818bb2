// Kernel: one constant object per kernel, defined in the kernel's own file and named once in a
// backend's kernels.inc. A kernel does the items it is given and nothing else: it knows no thread
// count, holds no barrier, and is tested by plain calls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/tensor.h"
#include "kernels/op.h"

namespace engine {

// A weight layout: panels of `rows` consecutive rows, the bits of the type interleaved in the order
// in which an ISA reads them.
struct Pack {
  uint16_t id;                                // unique, never 0
  int rows;                                   // rows of a panel
  size_t (*bytes)(const Tensor& w) noexcept;  // of the whole packed tensor (rows padded to panels)
  // w: rows as in the file; out: start of the packed tensor
  void (*run)(const Tensor& w, Range panels, std::byte* out) noexcept;
  // one row back, in the bytes of the file
  void (*row)(const Tensor& packed, int64_t row, std::byte* out) noexcept;
};

template <class Ctx>
struct Kernel {
  const char* id;  // "matmul/q4_k/avx2": also file name, test name, benchmark name
  Op op;
  DType w, x;      // weight and activation type; f32, f32 where an op has no weights
  uint64_t needs;  // isa bits; usable when (needs & ~have) == 0
  int rank;        // the highest usable rank wins; scalar is 0
  void (*run)(const void* args, Range items, Ctx&) noexcept;
  int64_t (*items)(const void* args) noexcept;  // independent pieces, counted from the rows in use
  int64_t (*grain)(const void* args) noexcept;  // fewest items worth handing out at once
  bool (*accepts)(const void* args) noexcept = nullptr;  // nullptr: every shape
  // bytes per worker, from the most rows of the tensors
  size_t (*scratch)(const void* args) noexcept = nullptr;
  const Pack* pack = nullptr;    // weight layout it reads; nullptr: rows as in the file
  const Micro* micro = nullptr;  // matmul: what the weight type contributes
  // |y - ref| <= tolerance * sqrt(k) * rms(w) * rms(x); 1e-3f where operands are rounded to half,
  // 3e-3f where sums of products are cut to 16 bits
  float tolerance = 1e-5f;
  // matmul: rows that are served by reading the weights once, for reports; nullptr: all
  int64_t (*pass_rows)(const void* args) noexcept = nullptr;
};

// The struct of an operator's arguments.
template <Op>
struct ArgsOf;
#define OP(name, args)      \
  template <>               \
  struct ArgsOf<Op::name> { \
    using type = args;      \
  };
#include "kernels/op.inc"

// kernel<Ctx, Op::rms_norm, run, items, grain>(id, w, x, needs, rank): wraps typed functions, so a
// wrong signature does not compile. constexpr, not consteval: Clang 14 takes a consteval call
// inside another consteval function for not constant.
template <class Ctx, Op op, auto run_fn, auto items_fn, auto grain_fn>
constexpr Kernel<Ctx> make_kernel(const char* id, DType w, DType x, uint64_t needs, int rank) {
  using Args = typename ArgsOf<op>::type;
  return {
      id,
      op,
      w,
      x,
      needs,
      rank,
      [](const void* a, Range r, Ctx& c) noexcept { run_fn(*static_cast<const Args*>(a), r, c); },
      [](const void* a) noexcept -> int64_t { return items_fn(*static_cast<const Args*>(a)); },
      [](const void* a) noexcept -> int64_t { return grain_fn(*static_cast<const Args*>(a)); }};
}

}  // namespace engine
