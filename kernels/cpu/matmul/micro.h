// Micro: what a weight type contributes to the matmul of an ISA. The driver of the ISA (driver.h)
// owns everything else: the walk over panels, column dispatch, expert lists, the epilogue.
//
// A panel is `rows` consecutive rows of the matrix. A ColsFn multiplies one panel with N columns
// and writes y [rows, N]. `dot` reads the packed bits of the type; `tile` reads a strip: the same
// panel in the canonical form (a byte per code, float scales), unpacked once for all columns of a
// pass. Both compute the same integers and the same chain of floats per output.
#pragma once

#include "engine/core/cpu_features.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {

constexpr int kDotCols = 8;  // up to here columns are computed straight from the packed bits
// Capacity of the tables below; a Micro says how many columns its tile holds.
constexpr int kTileCols = 16;

struct Cols {
  const std::byte* x[kTileCols];  // a8x32 columns (kernels/types/a8x32.h), or float [k]
  // [k / sub]: -zero * sum of sub activations (Shift below); not read if zero is 0
  const int32_t* shift[kTileCols];
};
using ColsFn = void (*)(const std::byte* w, int64_t k, const Cols& x, float* y) noexcept;

}  // namespace engine::cpu

namespace engine {

struct Shift {
  int sub = 0;   // activations that are summed, 32 or 16
  int zero = 0;  // what to subtract from a code; 0: nothing, there are no shifts
};

struct Micro {
  int rows;                                   // of a panel
  int tile_cols;                              // most columns of a tile
  Shift dot_shift, tile_shift;                // of the codes that dot and tile read
  size_t (*strip_bytes)(int64_t k) noexcept;  // nullptr: no strip, `dot` has tile_cols columns
  void (*unpack)(const std::byte* panel, int64_t k, std::byte* strip) noexcept;
  cpu::ColsFn dot[cpu::kTileCols];  // [i]: i + 1 columns
  cpu::ColsFn tile[cpu::kTileCols];
};

}  // namespace engine

namespace engine::cpu {

// The functions of a driver file, and the kernel object of a type on that ISA.
struct Driver {
  void (*run)(const void* args, Range items, Ctx&) noexcept;
  int64_t (*items)(const void* args) noexcept;
  int64_t (*grain)(const void* args) noexcept;
  size_t (*scratch)(const void* args) noexcept;
  int64_t (*pass_rows)(const void* args) noexcept;
};

#define ENGINE_MATMUL_DRIVER(isa)                                                  \
  void drive_##isa(const void* args, Range items, Ctx& ctx) noexcept;              \
  int64_t drive_items_##isa(const void* args) noexcept;                            \
  int64_t drive_grain_##isa(const void* args) noexcept;                            \
  size_t drive_scratch_##isa(const void* args) noexcept;                           \
  int64_t drive_pass_##isa(const void* args) noexcept;                             \
  constexpr Driver driver_##isa{drive_##isa, drive_items_##isa, drive_grain_##isa, \
                                drive_scratch_##isa, drive_pass_##isa};
ENGINE_MATMUL_DRIVER(avx512vnni)
ENGINE_MATMUL_DRIVER(avx2)
#undef ENGINE_MATMUL_DRIVER

constexpr Kernel<Ctx> matmul_kernel(const char* id, Op op, DType w, DType x, uint64_t needs,
                                    int rank, const Driver& d, const Pack& pack,
                                    const Micro& micro) {
  Kernel<Ctx> k{id,      op,      w,       x,         needs, rank,  d.run,
                d.items, d.grain, nullptr, d.scratch, &pack, &micro};
  k.pass_rows = d.pass_rows;
  return k;
}

}  // namespace engine::cpu
