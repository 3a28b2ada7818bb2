// Micro: what a weight type contributes to the matmul of an ISA. The driver of the ISA (driver.h)
// owns everything else: the walk over panels, column dispatch, expert lists, the epilogue.
//
// A panel is `rows` consecutive rows of the matrix. `dot` multiplies one panel with a few columns,
// straight from the packed bits of the type: one stream from memory. `tile` multiplies kTilePanels
// panels at once, so that an activation that is loaded serves all of them; it reads strips: panels in
// the canonical form (a byte per code), unpacked once for all columns of a pass. Both compute the
// same integers and the same chain of floats per output.
#pragma once

#include "engine/core/cpu_features.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {

constexpr int kDotCols = 8;  // up to here columns are computed straight from the packed bits
constexpr int kTilePanels = 2;
constexpr int kTileCols = 8;  // capacity of the table; a Micro says how many columns its tile holds

// w: the panels; x: the columns: a8x32 or a8x256 (kernels/types), or float [k];
// y: [panels][columns][rows].
using ColsFn = void (*)(const std::byte* const* w, int64_t k, const std::byte* const* x,
                        float* y) noexcept;

}  // namespace engine::cpu

namespace engine {

struct Micro {
  int rows;                                   // of a panel
  int tile_cols;                              // most columns of a tile
  size_t (*strip_bytes)(int64_t k) noexcept;  // nullptr: no strip, `tile` reads packed bits
  void (*unpack)(const std::byte* panel, int64_t k, std::byte* strip) noexcept;
  cpu::ColsFn dot[cpu::kDotCols];  // [i]: i + 1 columns
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
