// The walk of a matmul, the same for every ISA: items -> panels, columns -> passes -> tiles,
// finished tiles -> epilogue. Isa brings kRows, kPassBytes (of activations in a pass: part of L2;
// strips and results take the rest) and finish, the epilogue of a tile.
//
//   for each pass of columns that fits into kPassBytes
//     for each panel of the item range
//       up to 8 columns: dot from the packed bits
//       more: unpack strips of two panels (of one matrix, or of a gated pair), then tiles over the
//       columns, evenly sized
#pragma once

#include "kernels/cpu/matmul/micro.h"

namespace engine::cpu {
namespace {

static_assert(kTilePanels == 2);

template <class Isa>
struct Walk {
  static int64_t panels(const MatmulArgs& a) { return (a.w.ne[1] + Isa::kRows - 1) / Isa::kRows; }

  // Fewer columns would not pay for unpacking; a pass of them may then exceed L2.
  static constexpr int64_t kLeastPass = 192;
  static int64_t pass_cols(const MatmulArgs& a) {
    const int64_t col = a.x.nb[1] > 0 ? a.x.nb[1] : 1;
    const int64_t fit = Isa::kPassBytes / col;
    return fit < kLeastPass ? kLeastPass : fit;
  }

  static int64_t columns(const MatmulArgs& a, int64_t matrix) {
    return a.experts ? a.experts->offsets[matrix + 1] - a.experts->offsets[matrix] : *a.n_rows;
  }

  static int64_t items(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    return panels(a) * (a.experts ? a.experts->n_expert : 1);
  }

  // At least 16 KB of weights at a time when they are read once; two panels when many columns share
  // the list of where they lie.
  static int64_t grain(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    if (*a.n_rows > kDotCols) return 2;
    const int64_t bytes = row_bytes(a.w.dtype, a.w.ne[0]) * Isa::kRows;
    return bytes >= 16384 ? 1 : 16384 / bytes;
  }

  static size_t round64(size_t n) { return (n + 63) & ~size_t{63}; }
  static size_t strip_bytes(const MatmulArgs& a) {
    return a.micro->strip_bytes ? round64(a.micro->strip_bytes(a.w.ne[0])) : 0;
  }
  // Scratch: strips, as many panels of a matrix that is not packed, where the columns of a pass and
  // their results lie.
  static size_t loose_bytes(const MatmulArgs& a) {
    return a.pack ? round64(static_cast<size_t>(row_bytes(a.w.dtype, a.w.ne[0]) * Isa::kRows)) : 0;
  }
  static size_t scratch(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    const int64_t pass = pass_cols(a), most = a.y.ne[1] < pass ? a.y.ne[1] : pass;
    return (strip_bytes(a) + loose_bytes(a)) * 2 + static_cast<size_t>(most) * 3 * sizeof(void*);
  }

  // Panel p of a matrix, in its packing: where it lies, or made in `loose`.
  static const std::byte* panel(const MatmulArgs& a, const Tensor& w, int64_t matrix, int64_t p,
                                std::byte* loose) {
    if (a.pack == nullptr)
      return w.data + (matrix * panels(a) + p) * row_bytes(w.dtype, w.ne[0]) * Isa::kRows;
    Tensor rows = w;
    const int64_t left = w.ne[1] - p * Isa::kRows;
    rows.data += matrix * w.nb[2] + p * Isa::kRows * w.nb[1];
    rows.ne[1] = left < Isa::kRows ? left : Isa::kRows;
    rows.ne[2] = rows.ne[3] = 1;
    a.pack->run(rows, {0, 1}, loose);
    return loose;
  }

  // The columns of one pass over one matrix: rows of x, of the result and of the residual.
  struct Pass {
    int64_t cols;
    const std::byte** x;
    float **y, **residual;

    Pass(const MatmulArgs& a, int64_t matrix, int64_t first, int64_t n, std::byte* scratch)
        : cols(n),
          x(reinterpret_cast<const std::byte**>(scratch)),
          y(reinterpret_cast<float**>(scratch + n * int64_t{sizeof(void*)})),
          residual(y + n) {
      const int32_t* entries =
          a.experts ? a.experts->entries + a.experts->offsets[matrix] + first : nullptr;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t row = entries ? entries[i] : first + i;
        x[i] = a.x.row(entries && !a.x_per_entry ? row / a.experts->n_used : row);
        y[i] = reinterpret_cast<float*>(a.y.row(row));
        residual[i] = reinterpret_cast<float*>(a.epilogue.residual.row(row));
      }
    }
  };

  static void run(const void* args, Range range, Ctx& ctx) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    const int64_t per = panels(a);
    while (range.begin < range.end) {
      const int64_t matrix = range.begin / per,
                    stop = range.end < (matrix + 1) * per ? range.end : (matrix + 1) * per;
      matrix_panels(a, matrix, {range.begin - matrix * per, stop - matrix * per}, ctx);
      range.begin = stop;
    }
  }

  // Two panels: of one matrix, or the same of a gated pair.
  struct Pair {
    const Tensor* matrix[2];
    int64_t panel[2];
  };

  static void matrix_panels(const MatmulArgs& a, int64_t matrix, Range range, Ctx& ctx) {
    const int64_t n = columns(a, matrix), pass_max = pass_cols(a);
    std::byte* const pass_scratch = ctx.scratch + (strip_bytes(a) + loose_bytes(a)) * 2;
    const int64_t passes = (n + pass_max - 1) / pass_max;
    for (int64_t i = 0; i < passes; ++i) {
      const int64_t first = n * i / passes;
      const Pass pass(a, matrix, first, n * (i + 1) / passes - first, pass_scratch);
      for (int64_t p = range.begin; p < range.end; p += a.up ? 1 : 2) {
        // of an odd number the last goes in twice
        const Pair pair = a.up ? Pair{{&a.w, &a.up}, {p, p}}
                               : Pair{{&a.w, &a.w}, {p, p + 1 < range.end ? p + 1 : p}};
        if (pass.cols <= kDotCols)
          dot_panels(a, pass, matrix, pair, ctx);
        else
          tile_panels(a, pass, matrix, pair, ctx);
      }
    }
  }

  static void dot_panels(const MatmulArgs& a, const Pass& pass, int64_t matrix, const Pair& pair,
                         Ctx& ctx) {
    alignas(64) float v[2 * kDotCols * Isa::kRows];
    const int count = static_cast<int>(pass.cols);
    const std::byte* w[2];
    for (int i = 0; i < 2; ++i)
      w[i] = panel(a, *pair.matrix[i], matrix, pair.panel[i],
                   ctx.scratch + static_cast<size_t>(i) * loose_bytes(a));
    for (int i = 0; i < (a.up || pair.panel[1] != pair.panel[0] ? 2 : 1); ++i)
      a.micro->dot[count - 1](w + i, a.w.ne[0], pass.x, v + i * count * Isa::kRows);
    finish_pair(a, pass, v, pair, 0, count);
  }

  static void tile_panels(const MatmulArgs& a, const Pass& pass, int64_t matrix, const Pair& pair,
                          Ctx& ctx) {
    const Micro& m = *a.micro;
    const int64_t k = a.w.ne[0];
    const std::byte* w[2];
    for (int i = 0; i < 2; ++i) {
      std::byte* const strip = ctx.scratch + static_cast<size_t>(i) * strip_bytes(a);
      std::byte* const loose =
          ctx.scratch + 2 * strip_bytes(a) + static_cast<size_t>(i) * loose_bytes(a);
      w[i] = panel(a, *pair.matrix[i], matrix, pair.panel[i], loose);
      if (m.unpack != nullptr) m.unpack(w[i], k, strip), w[i] = strip;
    }
    const int64_t tiles = (pass.cols + m.tile_cols - 1) / m.tile_cols;
    for (int64_t t = 0, c = 0; t < tiles; ++t) {
      alignas(64) float v[2 * kTileCols * Isa::kRows];
      const int count = static_cast<int>(pass.cols * (t + 1) / tiles - c);
      fetch_next(a, matrix, pair.panel[1] + 1, t, tiles);
      for (int i = 0; i < count; ++i)  // stored long after this: their lines are on the way
        for (const int64_t p : pair.panel) {
          __builtin_prefetch(pass.y[c + i] + p * Isa::kRows, 1);
          if (a.epilogue.residual) __builtin_prefetch(pass.residual[c + i] + p * Isa::kRows);
        }
      m.tile[count - 1](w, k, pass.x + c, v);
      finish_pair(a, pass, v, pair, c, count);
      c += count;
    }
  }

  static void finish_pair(const MatmulArgs& a, const Pass& pass, const float* v, const Pair& pair,
                          int64_t c, int count) {
    const float* second = v + count * Isa::kRows;
    finish(a, pass, v, a.up ? second : nullptr, pair.panel[0], c, count);
    if (pair.panel[1] != pair.panel[0]) finish(a, pass, second, nullptr, pair.panel[1], c, count);
  }

  static void finish(const MatmulArgs& a, const Pass& pass, const float* v, const float* up,
                     int64_t p, int64_t c, int count) {
    const int64_t row0 = p * Isa::kRows, left = a.w.ne[1] - row0;
    const int rows = left < Isa::kRows ? static_cast<int>(left) : Isa::kRows;
    Isa::finish(a.epilogue, v, up, row0, rows, count,
                a.epilogue.residual ? pass.residual + c : nullptr, pass.y + c);
  }

  // Asks for part t of the bits of the two panels from p on, which are unpacked next: a tile takes
  // longer than they need from memory.
  static void fetch_next(const MatmulArgs& a, int64_t matrix, int64_t p, int64_t t, int64_t tiles) {
    const int64_t left = panels(a) - p, n = a.up || left < 2 ? 1 : 2;
    if (a.pack != nullptr || a.micro->unpack == nullptr || left <= 0) return;
    const int64_t panel_bytes = row_bytes(a.w.dtype, a.w.ne[0]) * Isa::kRows,
                  bytes = panel_bytes * n;
    const int64_t at = (matrix * panels(a) + p) * panel_bytes;
    for (int64_t i = bytes * t / tiles & ~int64_t{63}; i < bytes * (t + 1) / tiles; i += 64) {
      __builtin_prefetch(a.w.data + at + i, 0, 2);
      if (a.up) __builtin_prefetch(a.up.data + at + i, 0, 2);
    }
  }
};

}  // namespace
}  // namespace engine::cpu
