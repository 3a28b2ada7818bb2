// Operators that work on rows by themselves: norms, RoPE, quantization,
// gates, sums. Their data lies in caches when a step runs them, and
// here: no roof is quoted, only time and bytes touched per second.
#include <fmt/format.h>

#include <cmath>

#include "bench/case.h"

namespace engine::bench {
namespace {

Tensor random_rows(Case& c, int64_t width, int64_t n, uint32_t seed) {
  return make_tensor(reinterpret_cast<std::byte*>(c.floats(width * n, seed)), DType::f32, width, n);
}

Tensor empty_rows(Case& c, int64_t width, int64_t n) {
  return make_tensor(c.memory(static_cast<size_t>(width * n) * 4), DType::f32, width, n);
}

// A case whose kernel counts its rows through Args::n_rows.
template <class Args>
struct RowCase {
  RowCase(int n) : c(std::make_unique<Case>()), a(c->own(Args{})), n_rows(c->own<int32_t>(n)) {
    a.n_rows = &n_rows;
    c->args = &a, c->rows = n;
    c->use_rows = [&count = n_rows](int rows) { count = rows; };
  }
  std::unique_ptr<Case> done(const Tensor& y, int64_t row_bytes_touched, int per_row = 1) {
    c->result = [y, per_row](int rows) { return rows_of(y, rows * per_row); };
    c->bytes = static_cast<double>(row_bytes_touched) * c->rows;
    return std::move(c);
  }
  std::unique_ptr<Case> c;
  Args& a;
  int32_t& n_rows;
};

std::unique_ptr<Case> make_norm(int width, int n) {
  RowCase<NormArgs> r(n);
  r.a.x = random_rows(*r.c, width, n, 1), r.a.y = empty_rows(*r.c, width, n);
  r.a.weight = r.c->floats(width, 2);
  r.a.eps = 1e-5f, r.a.groups = 1;
  return r.done(r.a.y, 8 * width);
}

std::unique_ptr<Case> make_glu(int width, int n) {
  RowCase<GluArgs> r(n);
  r.a.gate = random_rows(*r.c, width, n, 1), r.a.up = random_rows(*r.c, width, n, 2);
  r.a.y = empty_rows(*r.c, width, n), r.a.act = Act::silu;
  return r.done(r.a.y, 12 * width);
}

std::unique_ptr<Case> make_add(int width, int n) {
  RowCase<AddArgs> r(n);
  r.a.a = random_rows(*r.c, width, n, 1), r.a.b = random_rows(*r.c, width, n, 2);
  r.a.y = empty_rows(*r.c, width, n), r.a.scale = 1;
  return r.done(r.a.y, 12 * width);
}

std::unique_ptr<Case> make_scale(int width, int n) {
  RowCase<ScaleArgs> r(n);
  r.a.x = random_rows(*r.c, width, n, 1), r.a.y = empty_rows(*r.c, width, n), r.a.scale = 0.5f;
  return r.done(r.a.y, 8 * width);
}

std::unique_ptr<Case> make_softcap(int width, int n) {
  RowCase<SoftcapArgs> r(n);
  r.a.x = random_rows(*r.c, width, n, 1), r.a.y = empty_rows(*r.c, width, n), r.a.cap = 30;
  return r.done(r.a.y, 8 * width);
}

std::unique_ptr<Case> make_combine(int width, int n) {
  constexpr int kUsed = 2;
  RowCase<CombineArgs> r(n);
  r.a.x = random_rows(*r.c, width, n * kUsed, 1), r.a.residual = random_rows(*r.c, width, n, 2);
  r.a.y = empty_rows(*r.c, width, n), r.a.weights = r.c->floats(n * kUsed, 3), r.a.n_used = kUsed;
  return r.done(r.a.y, (4 * kUsed + 8) * width);
}

std::unique_ptr<Case> make_quantize(DType type, int width, int n) {
  RowCase<QuantizeArgs> r(n);
  r.a.x = random_rows(*r.c, width, n, 1);
  const int64_t bytes = row_bytes(type, width);
  r.a.y = make_tensor(r.c->memory(static_cast<size_t>(bytes * n)), type, width, n);
  auto c = r.done(r.a.y, 4 * width + bytes);
  c->result = [y = r.a.y, bytes](int rows) {
    const uint8_t* p = y.as<const uint8_t>();
    return std::vector<float>(p, p + bytes * rows);
  };
  c->tolerance = 0;
  return c;
}

std::unique_ptr<Case> make_rope(int n_head, int dim, int n) {
  RowCase<RopeArgs> r(n);
  const int width = n_head * dim;
  r.a.x = random_rows(*r.c, width, n, 1), r.a.y = empty_rows(*r.c, width, n);
  r.a.table = random_rows(*r.c, dim, n, 2);
  r.a.style = RopeStyle::neox, r.a.n_head = n_head, r.a.head_dim = r.a.n_rot = dim;
  return r.done(r.a.y, 8 * width + 4 * dim);
}

std::unique_ptr<Case> make_rope_table(int dim, int n) {
  auto c = std::make_unique<Case>();
  RopeTableArgs& a = c->own(RopeTableArgs{});
  StepState& step = c->own(StepState{});
  auto& freq = c->own(std::vector<double>(static_cast<size_t>(dim / 2)));
  auto& positions = c->own(std::vector<int32_t>(static_cast<size_t>(n)));
  for (size_t i = 0; i < freq.size(); ++i)
    freq[i] = std::pow(10000.0, -2.0 * static_cast<double>(i) / dim);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int32_t>(i);
  a.freq = freq.data(), a.mscale = 1, a.n_rot = dim, a.step = &step, a.y = empty_rows(*c, dim, n);
  c->args = &a, c->rows = n;
  c->use_rows = [&](int rows) {
    step.n_rows = rows;
    step.positions = std::span<const int32_t>(positions).first(static_cast<size_t>(rows));
  };
  c->use_rows(n);
  c->result = [&a](int rows) { return rows_of(a.y, rows); };
  c->bytes = 4.0 * dim * n;
  return c;
}

std::unique_ptr<Case> make_take_rows(int width, int n) {
  auto c = std::make_unique<Case>();
  TakeRowsArgs& a = c->own(TakeRowsArgs{});
  StepState& step = c->own(StepState{});
  auto& rows = c->own(std::vector<int32_t>(static_cast<size_t>(n)));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i * 2);
  a.x = random_rows(*c, width, 2 * n, 1), a.y = empty_rows(*c, width, n), a.step = &step;
  c->args = &a, c->rows = n;
  c->use_rows = [&](int count) {
    step.n_out = count;
    step.out_rows = std::span<const int32_t>(rows).first(static_cast<size_t>(count));
  };
  c->use_rows(n);
  c->result = [&a](int count) { return rows_of(a.y, count); };
  c->bytes = 8.0 * width * n;
  return c;
}

}  // namespace

std::vector<NamedCase> row_cases(const CpuKernel& kernel, const ModelShape& s) {
  std::vector<NamedCase> out;
  const auto add = [&](int width, int n, std::unique_ptr<Case> (*make)(int, int)) {
    out.push_back({fmt::format("width:{}/n:{}", width, n),
                   [=](const CpuKernel&, bool) { return make(width, n); }});
  };
  for (const int n : {1, 512}) {
    switch (kernel.op) {
      case Op::rms_norm:
      case Op::layer_norm:
        add(s.n_embd, n, make_norm);
        break;
      case Op::glu:
        add(s.n_ff, n, make_glu);
        break;
      case Op::add:
        add(s.n_embd, n, make_add);
        break;
      case Op::scale:
        add(s.n_embd, n, make_scale);
        break;
      case Op::softcap:
        add(n == 1 ? s.n_vocab : s.n_embd, n, make_softcap);
        break;
      case Op::combine:
        add(s.n_embd, n, make_combine);
        break;
      case Op::quantize_act:
        for (const int width : {s.n_embd, s.n_ff})
          if (width % traits(kernel.w).block_elems == 0)
            out.push_back({fmt::format("width:{}/n:{}", width, n),
                           [type = kernel.w, width, n](const CpuKernel&, bool) {
                             return make_quantize(type, width, n);
                           }});
        break;
      case Op::rope_table:
        add(s.head_dim, n, make_rope_table);
        break;
      case Op::take_rows:
        add(s.n_embd, n, make_take_rows);
        break;
      case Op::rope:
        out.push_back({fmt::format("heads:{}/dim:{}/n:{}", s.n_head, s.head_dim, n),
                       [h = s.n_head, d = s.head_dim, n](const CpuKernel&, bool) {
                         return make_rope(h, d, n);
                       }});
        break;
      default:
        break;
    }
  }
  return out;
}

}  // namespace engine::bench
