// matmul, expert_matmul, embed: weights of any type, as the file or packed.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "bench/case.h"
#include "kernels/types/codec.h"

namespace engine::bench {
namespace {

constexpr int kExperts = 8, kUsed = 2;

// Random blocks whose scales are ordinary numbers.
void fill_blocks(DType type, std::byte* out, size_t blocks) {
  std::mt19937 rng(1);
  const DTypeTraits& t = traits(type);
  const size_t bytes = static_cast<size_t>(t.block_bytes);
  std::vector<float> values(static_cast<size_t>(t.block_elems));
  std::vector<std::byte> pool, block(bytes);
  while (pool.size() < 256 * bytes) {
    for (std::byte& b : block) b = static_cast<std::byte>(rng());
    codec(type)->dequant_row(block.data(), values.data(), t.block_elems);
    if (std::all_of(values.begin(), values.end(), [](float v) { return v > -4 && v < 4; }))
      pool.insert(pool.end(), block.begin(), block.end());
  }
  for (size_t i = 0; i < blocks; ++i)
    std::memcpy(out + i * bytes, pool.data() + rng() % 256 * bytes, bytes);
}

// [k, out, experts] in the layout of pack (nullptr: the file's), as often as asked for. Each copy
// takes `stride` bytes.
Tensor make_weights(Case& c, DType type, const Pack* pack, int64_t k, int64_t out, int64_t experts,
                    bool cold, size_t& stride) {
  const size_t bytes = static_cast<size_t>(row_bytes(type, k) * out * experts);
  std::byte* file = c.memory(bytes);
  fill_blocks(type, file, bytes / static_cast<size_t>(traits(type).block_bytes));
  Tensor w = make_tensor(file, type, k, out, experts);
  stride = align_up(pack ? pack->bytes(w) : bytes, 64);
  c.copies = cold ? cold_bytes() / stride + 1 : 1;
  std::byte* all = c.memory(stride * c.copies, true);
  for (size_t i = 0; i < c.copies; ++i) {
    if (pack) {
      pack->run(w, {0, (out + pack->rows - 1) / pack->rows * experts}, all + i * stride);
    } else {
      std::memcpy(all + i * stride, file, bytes);
    }
  }
  w.data = all, w.pack = pack ? pack->id : 0;
  return w;
}

Tensor make_x(Case& c, DType type, int64_t k, int n) {
  const Tensor x = make_tensor(reinterpret_cast<std::byte*>(c.floats(k * n, 2)), DType::f32, k, n);
  if (type == DType::f32) return x;
  const Tensor q = make_tensor(c.memory(static_cast<size_t>(row_bytes(type, k) * n)), type, k, n);
  const int32_t rows = n;
  const QuantizeArgs args{x, q, &rows};
  run_whole(*scalar_of(Op::quantize_act, type, DType::f32), &args);
  return q;
}

std::unique_ptr<Case> make_matmul(const CpuKernel& kernel, Matrix m, int experts, bool cold) {
  auto c = std::make_unique<Case>();
  MatmulArgs& a = c->own(MatmulArgs{});
  int32_t& rows = c->own<int32_t>(m.n);
  size_t stride = 0;
  const int used = experts > 1 ? kUsed : 1;
  a.w = make_weights(*c, kernel.w, kernel.pack, m.k, m.out, experts, cold && m.n <= 8, stride);
  a.x = make_x(*c, kernel.x, m.k, m.n);
  a.y = make_tensor(c->memory(static_cast<size_t>(m.out * m.n * used) * 4), DType::f32, m.out,
                    m.n * used);
  a.micro = kernel.micro, a.n_rows = &rows;
  c->args = &a;
  c->rows = m.n;
  auto& offsets = c->own(std::vector<int32_t>());
  auto& entries = c->own(std::vector<int32_t>());
  auto& list = c->own(ExpertList{experts, used, nullptr, nullptr});
  if (experts > 1) a.experts = &list;
  c->use_rows = [&, experts, used](int n) {
    rows = n;
    offsets.assign(1, 0), entries.clear();
    for (int e = 0; e < experts; ++e) {
      for (int i = 0; i < n * used; ++i)
        if ((i / used * 3 + i % used) % experts == e) entries.push_back(i);
      offsets.push_back(static_cast<int32_t>(entries.size()));
    }
    list.offsets = offsets.data(), list.entries = entries.data();
  };
  c->use_rows(m.n);
  int hit = 0;
  for (int e = 0; e < experts; ++e)
    hit += offsets[static_cast<size_t>(e) + 1] > offsets[static_cast<size_t>(e)];
  std::byte* first = a.w.data;
  c->use_copy = [&a, first, stride](size_t i) { a.w.data = first + i * stride; };
  c->result = [&a, used](int n) { return rows_of(a.y, n * used); };
  c->tolerance = std::max(1e-4, 4.0 * static_cast<double>(kernel.tolerance));
  const double passes = kernel.pass_rows
                            ? std::max<double>(1, (m.n * used / hit + kernel.pass_rows(&a) - 1) /
                                                      kernel.pass_rows(&a))
                            : 1;
  c->bytes = static_cast<double>(row_bytes(kernel.w, m.k) * m.out) * hit * passes;
  c->macs = static_cast<double>(m.k * m.out) * m.n * used;
  c->int8 = kernel.x != DType::f32;
  return c;
}

std::unique_ptr<Case> make_embed(const CpuKernel& kernel, int64_t width, int64_t words, int n) {
  auto c = std::make_unique<Case>();
  EmbedArgs& a = c->own(EmbedArgs{});
  StepState& step = c->own(StepState{});
  auto& tokens = c->own(std::vector<Token>(static_cast<size_t>(n)));
  std::mt19937 rng(3);
  for (Token& t : tokens) t = static_cast<Token>(rng() % static_cast<uint32_t>(words));
  size_t stride = 0;
  a.table = make_weights(*c, kernel.w, nullptr, width, words, 1, false, stride);
  a.y = make_tensor(c->memory(static_cast<size_t>(width * n) * 4), DType::f32, width, n);
  a.scale = 1, a.step = &step;
  c->args = &a, c->rows = n;
  c->use_rows = [&](int rows) {
    step.n_rows = rows,
    step.tokens = std::span<const Token>(tokens).first(static_cast<size_t>(rows));
  };
  c->use_rows(n);
  c->result = [&a](int rows) { return rows_of(a.y, rows); };
  c->bytes = static_cast<double>(row_bytes(kernel.w, width)) * n;
  return c;
}

}  // namespace

std::vector<NamedCase> matrix_cases(const CpuKernel& kernel, const ModelShape& shape) {
  std::vector<NamedCase> out;
  const auto whole = [&](int64_t k) { return k % traits(kernel.w).block_elems == 0; };
  if (kernel.op == Op::matmul) {
    for (const Matrix& m : shape.matrices) {
      if (!whole(m.k)) continue;
      out.push_back({fmt::format("k:{}/out:{}/n:{}", m.k, m.out, m.n),
                     [m](const CpuKernel& k, bool cold) { return make_matmul(k, m, 1, cold); }});
    }
  }
  if (kernel.op == Op::expert_matmul && whole(shape.n_embd)) {
    for (const int n : {1, 512}) {
      const Matrix m{shape.n_embd, shape.n_ff, n};
      out.push_back(
          {fmt::format("k:{}/out:{}/experts:{}/used:{}/n:{}", m.k, m.out, kExperts, kUsed, n),
           [m](const CpuKernel& k, bool cold) { return make_matmul(k, m, kExperts, cold); }});
    }
  }
  if (kernel.op == Op::embed && whole(shape.n_embd)) {
    for (const int n : {1, 512})
      out.push_back({fmt::format("width:{}/words:{}/n:{}", shape.n_embd, shape.n_vocab, n),
                     [w = shape.n_embd, v = shape.n_vocab, n](const CpuKernel& k, bool) {
                       return make_embed(k, w, v, n);
                     }});
  }
  return out;
}

}  // namespace engine::bench
