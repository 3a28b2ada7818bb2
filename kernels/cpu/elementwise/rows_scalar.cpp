// take_rows and embed: rows looked up. embed has one kernel per type of the table, all made here
// from dtype.inc; a packed table gives its row back in the bytes of the file first.

#include "kernels/cpu/context.h"
#include "kernels/cpu/items.h"
#include "kernels/types/all.h"

namespace engine::cpu {
namespace {

int64_t outputs(const TakeRowsArgs& a) {
  return a.step->n_out;
}

void take_rows(const TakeRowsArgs& a, Range rows, Ctx&) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const size_t bytes = static_cast<size_t>(row_bytes(a.x.dtype, a.x.ne[0]));
    __builtin_memcpy(a.y.row(r), a.x.row(a.step->out_rows[static_cast<size_t>(r)]), bytes);
  }
}

int64_t row_of(const EmbedArgs& a, int64_t r) {
  if (a.by == LookupBy::first) return 0;
  const std::span<const int32_t> by =
      a.by == LookupBy::position ? a.step->positions : a.step->tokens;
  return by[static_cast<size_t>(r)];
}

template <DType T>
void embed(const EmbedArgs& a, Range rows, Ctx& ctx) {
  using B = Block<T>;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const int64_t row = row_of(a, r);
    const std::byte* w;
    if (a.pack != nullptr) {
      a.pack->row(a.table, row, ctx.scratch);
      w = ctx.scratch;
    } else {
      w = a.table.row(row);
    }
    float* y = reinterpret_cast<float*>(a.y.row(r));
    for (int64_t i = 0; i < a.y.ne[0]; i += B::kElems, w += B::kBytes) {
      B::dequant(w, y + i);
      for (int64_t j = i; j < i + B::kElems; ++j) y[j] *= a.scale;
    }
  }
}

size_t scratch(const void* args) noexcept {
  const EmbedArgs& a = *static_cast<const EmbedArgs*>(args);
  return a.pack != nullptr ? static_cast<size_t>(row_bytes(a.table.dtype, a.table.ne[0])) : 0;
}

template <DType T>
constexpr Kernel<Ctx> make(const char* id) {
  Kernel<Ctx> k = kernel<Op::embed, embed<T>, step_row_items<EmbedArgs>, single_item<EmbedArgs>>(
      id, T, DType::f32, 0, 0);
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> take_rows_scalar =
    kernel<Op::take_rows, take_rows, outputs, single_item<TakeRowsArgs>>(
        "elementwise/take_rows/scalar", DType::f32, DType::f32, 0, 0);

#define DTYPE(name, gguf, block, bytes, act)                 \
  extern constinit const Kernel<Ctx> embed_##name##_scalar = \
      make<DType::name>("embed/" #name "/scalar");
#include "engine/core/dtype.inc"

}  // namespace engine::cpu
