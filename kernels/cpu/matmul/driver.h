// The walk of a matmul, the same for every ISA: items -> panels, columns -> passes -> tiles,
// finished tiles -> epilogue. Isa brings kRows, kPassBytes (of activations in a pass: half of L2;
// the strip and the output take the rest) and the vector code: shifts (sums of activation codes)
// and finish (the epilogue of a tile).
//
//   for each pass of columns that fits into half of L2
//     for each panel of the item range
//       up to 8 columns: dot from the packed bits
//       more: unpack a strip, then tiles over the columns, evenly sized
#pragma once

#include "kernels/cpu/matmul/micro.h"

namespace engine::cpu {
namespace {

template <class Isa>
struct Walk {
  static int64_t panels(const MatmulArgs& a) { return (a.w.ne[1] + Isa::kRows - 1) / Isa::kRows; }

  static int64_t pass_cols(const MatmulArgs& a) {
    const int64_t col = a.x.nb[1] > 0 ? a.x.nb[1] : 1;
    const int64_t fit = Isa::kPassBytes / col / kTileCols * kTileCols;
    return fit < 4 * kTileCols ? 4 * kTileCols : fit;
  }

  static int64_t columns(const MatmulArgs& a, int64_t matrix) {
    return a.experts ? a.experts->offsets[matrix + 1] - a.experts->offsets[matrix] : *a.n_rows;
  }

  static int64_t items(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    return panels(a) * (a.experts ? a.experts->n_expert : 1);
  }

  // At least 16 KB of weights at a time when they are read once; four panels when many columns
  // share the sums of the activations.
  static int64_t grain(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    if (*a.n_rows > kDotCols) return 4;
    const int64_t bytes = row_bytes(a.w.dtype, a.w.ne[0]) * Isa::kRows;
    return bytes >= 16384 ? 1 : 16384 / bytes;
  }

  static size_t round64(size_t n) { return (n + 63) & ~size_t{63}; }
  static size_t strip_bytes(const MatmulArgs& a) {
    return a.micro->strip_bytes ? round64(a.micro->strip_bytes(a.w.ne[0])) : 0;
  }
  static size_t shift_stride(const MatmulArgs& a) {  // bytes per column
    const Shift &d = a.micro->dot_shift, &t = a.micro->tile_shift;
    const int64_t d_sums = d.zero ? a.w.ne[0] / d.sub : 0, t_sums = t.zero ? a.w.ne[0] / t.sub : 0;
    return round64(static_cast<size_t>(d_sums > t_sums ? d_sums : t_sums) * sizeof(int32_t));
  }
  // Scratch: strips, a panel of each matrix that is not packed, shifts of the columns of a pass.
  static size_t loose_bytes(const MatmulArgs& a) {
    return a.pack ? round64(static_cast<size_t>(row_bytes(a.w.dtype, a.w.ne[0]) * Isa::kRows)) : 0;
  }
  static size_t scratch(const void* args) {
    const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
    const int64_t pass = pass_cols(a), most = a.y.ne[1] < pass ? a.y.ne[1] : pass;
    return (strip_bytes(a) + loose_bytes(a)) * (a.up ? 2 : 1) + shift_stride(a) * most;
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

  // The columns of one pass over one matrix, and where their results go.
  struct Pass {
    const MatmulArgs& a;
    const int32_t* entries;  // nullptr: column i is row i
    int64_t first;
    const std::byte* x(int64_t i) const {
      if (!entries) return a.x.row(first + i);
      const int64_t e = entries[first + i];
      return a.x.row(a.x_per_entry ? e : e / a.experts->n_used);
    }
    int64_t y_row(int64_t i) const { return entries ? entries[first + i] : first + i; }
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

  static void matrix_panels(const MatmulArgs& a, int64_t matrix, Range panel_range, Ctx& ctx) {
    const Micro& m = *a.micro;
    const int64_t k = a.w.ne[0], n = columns(a, matrix), pass_max = pass_cols(a);
    std::byte* strip_w = ctx.scratch;
    std::byte* strip_up = strip_w + strip_bytes(a);
    std::byte* loose_w = strip_w + strip_bytes(a) * (a.up ? 2 : 1);
    std::byte* loose_up = loose_w + loose_bytes(a);
    std::byte* shifts = loose_w + loose_bytes(a) * (a.up ? 2 : 1);
    const size_t stride = shift_stride(a);

    const int64_t passes = (n + pass_max - 1) / pass_max;
    for (int64_t i = 0; i < passes; ++i) {
      const int64_t first = n * i / passes, cols = n * (i + 1) / passes - first;
      const Pass pass{a, a.experts ? a.experts->entries + a.experts->offsets[matrix] : nullptr,
                      first};
      const bool strip = m.unpack != nullptr && cols > kDotCols;
      const Shift& shift = strip ? m.tile_shift : m.dot_shift;
      if (shift.zero)
        for (int64_t c = 0; c < cols; ++c)
          Isa::shifts(reinterpret_cast<const int8_t*>(pass.x(c)), k, shift.sub, -shift.zero,
                      reinterpret_cast<int32_t*>(shifts + c * stride));

      const ColsFn* fns = strip ? m.tile : m.dot;
      const int64_t most = strip || m.unpack == nullptr ? m.tile_cols : kDotCols;
      const int64_t tiles = (cols + most - 1) / most;
      for (int64_t p = panel_range.begin; p < panel_range.end; ++p) {
        const std::byte* w = panel(a, a.w, matrix, p, loose_w);
        const std::byte* up = a.up ? panel(a, a.up, matrix, p, loose_up) : nullptr;
        if (strip) {
          m.unpack(w, k, strip_w), w = strip_w;
          if (up) m.unpack(up, k, strip_up), up = strip_up;
        }
        for (int64_t t = 0, c = 0; t < tiles; ++t) {
          const int count = static_cast<int>(cols * (t + 1) / tiles - c);
          run_tile(pass, fns[count - 1], w, up, p * Isa::kRows, c, count, shifts + c * stride,
                   stride);
          c += count;
        }
      }
    }
  }

  static void run_tile(const Pass& pass, ColsFn fn, const std::byte* w, const std::byte* up,
                       int64_t row0, int64_t c0, int count, const std::byte* shifts,
                       size_t shift_stride) {
    const MatmulArgs& a = pass.a;
    alignas(64) float v[kTileCols * Isa::kRows], u[kTileCols * Isa::kRows];
    Cols cols{};  // only the first count are read
    for (int c = 0; c < count; ++c) {
      cols.x[c] = pass.x(c0 + c);
      cols.shift[c] = reinterpret_cast<const int32_t*>(shifts + c * shift_stride);
    }
    fn(w, a.w.ne[0], cols, v);
    if (up) fn(up, a.w.ne[0], cols, u);
    const int64_t left = a.w.ne[1] - row0;
    const int rows = left < Isa::kRows ? static_cast<int>(left) : Isa::kRows;
    for (int c = 0; c < count; ++c) {
      const int64_t row = pass.y_row(c0 + c);
      const float* residual =
          a.epilogue.residual ? reinterpret_cast<const float*>(a.epilogue.residual.row(row)) + row0
                              : nullptr;
      Isa::finish(a.epilogue, v + c * Isa::kRows, up ? u + c * Isa::kRows : nullptr, row0, rows,
                  residual, reinterpret_cast<float*>(a.y.row(row)) + row0);
    }
  }
};

}  // namespace
}  // namespace engine::cpu
