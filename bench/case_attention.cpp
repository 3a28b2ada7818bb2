// attend and kv_store over a paged cache of one sequence. While generating, a layer's keys were
// last read a whole token ago: calls walk through copies of the cache.
#include <fmt/format.h>

#include <cstring>

#include "bench/case.h"
#include "engine/core/half.h"

namespace engine::bench {
namespace {

struct Sizes {
  int n_head, n_head_kv, dim, past, n;
};

// One sequence of past + n tokens in pages 0, 1, 2, ... of the slot.
struct Sequence {
  StepState step;
  Segment segment;
  std::vector<int32_t> pages, row_segment, positions;

  void use(int past, int n) {
    segment.past = past, segment.n_rows = n, segment.pages[0] = pages;
    row_segment.assign(static_cast<size_t>(n), 0);
    positions.resize(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i) positions[static_cast<size_t>(i)] = past + i;
    step = {};
    step.n_rows = n, step.segments = {&segment, 1}, step.row_segment = row_segment;
    step.positions = positions;
  }
};

CacheSlotView make_slot(Case& c, DType type, const Sizes& s, bool cold, size_t& stride) {
  CacheSlotView v;
  v.dtype = type, v.n_head_kv = s.n_head_kv, v.dk = v.dv = s.dim;
  v.v_offset = align_up(cache_plane_bytes(type, s.n_head_kv, s.dim), 64);
  v.page_bytes = align_up(v.v_offset + cache_plane_bytes(type, s.n_head_kv, s.dim), 64);
  const size_t pages = static_cast<size_t>((s.past + s.n + kPageTokens - 1) / kPageTokens);
  stride = pages * v.page_bytes;
  c.copies = cold ? cold_bytes() / stride + 1 : 1;
  v.base = c.memory(stride * c.copies, true);
  return v;
}

KvStoreArgs store_args(Case& c, const Sizes& s, const CacheSlotView& slot, int n,
                       const StepState* step) {
  const int64_t width = int64_t{s.n_head_kv} * s.dim;
  const auto rows = [&](uint32_t seed) {
    return make_tensor(reinterpret_cast<std::byte*>(c.floats(width * n, seed)), DType::f32, width,
                       n);
  };
  return {rows(1), rows(2), slot, step};
}

Sequence& make_sequence(Case& c, const Sizes& s) {
  Sequence& seq = c.own(Sequence{});
  for (int p = 0; p * kPageTokens < s.past + s.n; ++p) seq.pages.push_back(p);
  return seq;
}

std::unique_ptr<Case> make_attend(const CpuKernel& kernel, const Sizes& s, bool cold) {
  auto c = std::make_unique<Case>();
  Sequence& seq = make_sequence(*c, s);
  size_t stride = 0;
  AttendArgs& a = c->own(AttendArgs{});
  a.slot = make_slot(*c, kernel.w, s, cold && s.n == 1, stride);
  seq.use(0, s.past + s.n);
  const KvStoreArgs store = store_args(*c, s, a.slot, s.past + s.n, &seq.step);
  run_whole(*scalar_of(Op::kv_store, kernel.w, DType::f32), &store);
  for (size_t i = 1; i < c->copies; ++i) std::memcpy(a.slot.base + i * stride, a.slot.base, stride);

  const int64_t width = int64_t{s.n_head} * s.dim;
  a.q =
      make_tensor(reinterpret_cast<std::byte*>(c->floats(width * s.n, 3)), DType::f32, width, s.n);
  a.y = make_tensor(c->memory(static_cast<size_t>(width * s.n) * 4), DType::f32, width, s.n);
  a.n_head = s.n_head, a.scale = 1 / std::sqrt(static_cast<float>(s.dim)), a.step = &seq.step;
  c->args = &a, c->rows = s.n;
  c->use_rows = [&seq, past = s.past](int n) { seq.use(past, n); };
  c->use_rows(s.n);
  std::byte* first = a.slot.base;
  c->use_copy = [&a, first, stride](size_t i) { a.slot.base = first + i * stride; };
  c->result = [&a](int n) { return rows_of(a.y, n); };
  c->tolerance = 1e-3;
  const double keys = s.past + s.n;
  c->bytes =
      keys * 2 * static_cast<double>(cache_plane_bytes(kernel.w, s.n_head_kv, s.dim)) / kPageTokens;
  c->macs = s.n_head * 2.0 * s.dim * (s.n * (s.past + (s.n + 1) / 2.0));
  return c;
}

std::unique_ptr<Case> make_store(const CpuKernel& kernel, const Sizes& s) {
  auto c = std::make_unique<Case>();
  Sequence& seq = make_sequence(*c, s);
  size_t stride = 0;
  const CacheSlotView slot = make_slot(*c, kernel.w, s, false, stride);
  KvStoreArgs& a = c->own(store_args(*c, s, slot, s.n, &seq.step));
  c->args = &a, c->rows = s.n;
  c->use_rows = [&seq](int n) { seq.use(0, n); };
  c->use_rows(s.n);
  // Keys and values of the first rows as halves or codes, all in the first page.
  c->result = [slot](int rows) {
    std::vector<float> out;
    const auto put = [&](const std::byte* plane, int64_t i) {
      uint16_t h;
      std::memcpy(&h, plane + 2 * i, 2);
      out.push_back(slot.dtype == DType::f16 ? half_to_float(h) : static_cast<int8_t>(plane[i]));
    };
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t i = 0; i < int64_t{slot.n_head_kv} * slot.dk; ++i) {
        put(slot.base, i * kPageTokens + t);
        put(slot.base + slot.v_offset, (i / slot.dv * kPageTokens + t) * slot.dv + i % slot.dv);
      }
    }
    return out;
  };
  c->tolerance = kernel.w == DType::f16 ? 1e-3 : 2e-2;
  c->bytes = s.n * (8.0 * s.n_head_kv * s.dim +
                    2.0 * static_cast<double>(cache_plane_bytes(kernel.w, s.n_head_kv, s.dim)) /
                        kPageTokens);
  return c;
}

}  // namespace

std::vector<NamedCase> attention_cases(const CpuKernel& kernel, const ModelShape& m) {
  std::vector<NamedCase> out;
  if (kernel.op == Op::attend) {
    for (const auto& [past, n] : {std::pair{512, 1}, {4096, 1}, {0, 512}, {2048, 512}}) {
      const Sizes s{m.n_head, m.n_head_kv, m.head_dim, past, n};
      out.push_back(
          {fmt::format("heads:{}/kv:{}/dim:{}/past:{}/n:{}", s.n_head, s.n_head_kv, s.dim, past, n),
           [s](const CpuKernel& k, bool cold) { return make_attend(k, s, cold); }});
    }
  }
  if (kernel.op == Op::kv_store) {
    for (const int n : {1, 512}) {
      const Sizes s{m.n_head, m.n_head_kv, m.head_dim, 0, n};
      out.push_back({fmt::format("kv:{}/dim:{}/n:{}", s.n_head_kv, s.dim, n),
                     [s](const CpuKernel& k, bool) { return make_store(k, s); }});
    }
  }
  return out;
}

}  // namespace engine::bench
