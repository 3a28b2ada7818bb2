// matmul and expert_matmul of every computable type, from Block<T> alone: the executable
// specification of the others. A row of w is unpacked once and multiplied with all columns.
// Order of floats per output:
//   quantized  over sub-blocks ascending: acc += (scale * d) * float(integer sum of code * q);
//              acc += min * (d * sum of q)
//   float      element i is added to lane i % 8, ascending; the lanes are added pairwise

#include "kernels/cpu/context.h"
#include "kernels/cpu/elementwise/act_scalar.h"
#include "kernels/types/a8x256.h"
#include "kernels/types/a8x32.h"
#include "kernels/types/all.h"

namespace engine::cpu {
namespace {

constexpr int64_t kPanel = 16;

constexpr int64_t line(int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// A row of a quantized matrix in its canonical form, in scratch:
// codes [k], scales [k / kSub], minima [k / kSub].
template <DType T>
struct CodeRow {
  using B = Block<T>;
  static int64_t bytes(int64_t k) { return line(k) + 2 * line(k / B::kSub * 4); }

  CodeRow(const std::byte* row, int64_t k, std::byte* scratch)
      : k(k),
        code(reinterpret_cast<uint8_t*>(scratch)),
        scale(reinterpret_cast<float*>(scratch + line(k))),
        min(reinterpret_cast<float*>(scratch + line(k) + line(k / B::kSub * 4))) {
    for (int64_t i = 0; i < k; i += B::kElems, row += B::kBytes)
      B::codes(row, code + i, scale + i / B::kSub, min + i / B::kSub);
  }

  float dot(const std::byte* column) const {
    const int8_t* q = reinterpret_cast<const int8_t*>(column);
    float acc = 0;
    for (int64_t s = 0; s < k / B::kSub; ++s) {
      int sum = 0;
      for (int64_t i = s * B::kSub; i < (s + 1) * B::kSub; ++i) sum += code[i] * q[i];
      const Sub x = sub(column, s);
      acc += (scale[s] * x.d) * static_cast<float>(sum);
      acc += min[s] * x.dsum;
    }
    return acc;
  }

  // Scale of the activations of sub-block s, and that times their sum.
  struct Sub {
    float d, dsum;
  };
  Sub sub(const std::byte* column, int64_t s) const {
    if (traits(T).act == DType::a8x256) {
      constexpr int64_t kSubs = 256 / B::kSub;
      const BlockColumn x = block_column(column, k);
      const BlockSums& sums = x.sums[s / kSubs];
      const int i = static_cast<int>(s % kSubs);
      const float d = x.d[s / kSubs];
      return {d * static_cast<float>(1 << x.lift[s * B::kSub / 32]),
              d * static_cast<float>(B::kSub == 16 ? sums.sum16(i) : sums.sum32(i))};
    }
    static_assert(traits(T).act == DType::a8x256 || B::kSub == 32);
    const ActColumn x = act_column(column, k);
    return {x.d[s], x.dsum[s]};
  }

  int64_t k;
  uint8_t* code;
  float *scale, *min;
};

// A row of a float matrix as floats, in scratch.
template <class B>
struct FloatRow {
  static int64_t bytes(int64_t k) { return line(k * 4); }

  FloatRow(const std::byte* row, int64_t k, std::byte* scratch)
      : k(k), w(reinterpret_cast<float*>(scratch)) {
    for (int64_t i = 0; i < k; i += B::kElems, row += B::kBytes) B::dequant(row, w + i);
  }

  float dot(const std::byte* column) const {
    const float* x = reinterpret_cast<const float*>(column);
    float lane[8] = {};
    int64_t i = 0;
    for (; i + 8 <= k; i += 8) {
      for (int64_t j = 0; j < 8; ++j) lane[j] += w[i + j] * x[i + j];
    }
    for (int64_t j = 0; i + j < k; ++j) lane[j] += w[i + j] * x[i + j];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  }

  int64_t k;
  float* w;
};

template <bool quantized, DType T>
struct RowOf {
  using type = FloatRow<Block<T>>;
};
template <DType T>
struct RowOf<true, T> {
  using type = CodeRow<T>;
};
template <DType T>
using WeightRow = typename RowOf<(Block<T>::kSub > 1), T>::type;

float epilogue(const Epilogue& e, int64_t out, float v, const float* up, const float* residual) {
  if (e.bias != nullptr) v += e.bias[out];
  v *= e.scale;
  if (e.softcap != 0) v = e.softcap * __builtin_tanhf(v / e.softcap);
  v = activate(e.act, v);
  if (up != nullptr) v *= *up;
  return residual != nullptr ? residual[out] + v : v;
}

int64_t panels(const MatmulArgs& a) {
  return (a.w.ne[1] + kPanel - 1) / kPanel;
}

// Columns [begin, end) of the step, or of the list of an expert,
// times row `out` of an expert's matrix.
template <DType T>
void run_row(const MatmulArgs& a, int64_t expert, int64_t out, int64_t begin, int64_t end,
             Ctx& ctx) {
  using Row = WeightRow<T>;
  const int64_t k = a.w.ne[0];
  const Row w(a.w.data + expert * a.w.nb[2] + out * a.w.nb[1], k, ctx.scratch);
  const bool gated = static_cast<bool>(a.up);
  const Row up(a.up.data + expert * a.up.nb[2] + out * a.up.nb[1], gated ? k : 0,
               ctx.scratch + Row::bytes(k));
  for (int64_t c = begin; c < end; ++c) {
    const int64_t y_row = a.experts != nullptr ? a.experts->entries[c] : c;
    const int64_t x_row =
        a.experts != nullptr && !a.x_per_entry ? y_row / a.experts->n_used : y_row;
    const float up_value = gated ? up.dot(a.x.row(x_row)) : 0.0f;
    const float* residual = a.epilogue.residual
                                ? reinterpret_cast<const float*>(a.epilogue.residual.row(y_row))
                                : nullptr;
    reinterpret_cast<float*>(a.y.row(y_row))[out] =
        epilogue(a.epilogue, out, w.dot(a.x.row(x_row)), gated ? &up_value : nullptr, residual);
  }
}

template <DType T>
void run(const MatmulArgs& a, Range items, Ctx& ctx) {
  const int64_t per_expert = panels(a);
  for (int64_t item = items.begin; item < items.end; ++item) {
    const int64_t expert = item / per_expert, first = item % per_expert * kPanel;
    const int64_t begin = a.experts != nullptr ? a.experts->offsets[expert] : 0;
    const int64_t end = a.experts != nullptr ? a.experts->offsets[expert + 1] : *a.n_rows;
    if (begin == end) continue;
    for (int64_t out = first; out < first + kPanel && out < a.w.ne[1]; ++out)
      run_row<T>(a, expert, out, begin, end, ctx);
  }
}

int64_t expert_items(const MatmulArgs& a) {
  return panels(a) * a.w.ne[2];
}
int64_t grain(const MatmulArgs&) {
  return 1;
}

template <DType T>
size_t scratch(const void* args) noexcept {
  const MatmulArgs& a = *static_cast<const MatmulArgs*>(args);
  return static_cast<size_t>(WeightRow<T>::bytes(a.w.ne[0])) * (a.up ? 2 : 1);
}

template <DType T>
constexpr Kernel<Ctx> make_matmul(const char* id) {
  Kernel<Ctx> k = kernel<Op::matmul, run<T>, panels, grain>(id, T, traits(T).act, 0, 0);
  k.scratch = scratch<T>;
  return k;
}

template <DType T>
constexpr Kernel<Ctx> make_expert_matmul(const char* id) {
  Kernel<Ctx> k =
      kernel<Op::expert_matmul, run<T>, expert_items, grain>(id, T, traits(T).act, 0, 0);
  k.scratch = scratch<T>;
  return k;
}

}  // namespace

#define DTYPE(name, gguf, block, bytes, act)                         \
  extern constinit const Kernel<Ctx> matmul_##name##_scalar =        \
      make_matmul<DType::name>("matmul/" #name "/scalar");           \
  extern constinit const Kernel<Ctx> expert_matmul_##name##_scalar = \
      make_expert_matmul<DType::name>("expert_matmul/" #name "/scalar");
#include "engine/core/dtype.inc"

}  // namespace engine::cpu
