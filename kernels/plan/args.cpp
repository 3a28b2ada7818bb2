#include "kernels/plan/args.h"

#include <fmt/format.h>

#include <new>

#include "engine/core/arena.h"

namespace engine {
namespace {

void fill(EmbedArgs& a, const Binder& b, const Node& n, Value v) {
  const Tensor table = b.weight(n.w[0]);
  a = {table, table.pack != 0 ? b.find_pack(table.pack) : nullptr, b.value(v), n.scale, b.step,
       n.by};
}

void fill(TakeRowsArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(v), b.step};
}

void fill(QuantizeArgs& a, const Binder& b, const Node& n, Value v) {
  // A quantized input of experts has row_factor rows per row of the step; the kernel sees them as
  // groups of one long row.
  a = {b.value(n.in[0]), b.value(v), b.rows(n), n.row_factor};
}

void fill(NormArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]),    b.value(v), b.vector(n.w[0]), b.vector(n.w[2]),
       b.value(n.residual), n.eps,      n.n_head,         b.rows(n)};
}

void fill(RopeTableArgs& a, const Binder& b, const Node& n, Value v) {
  const RopeSpec& r = b.graph->ropes[static_cast<size_t>(n.rope)];
  a = {r.freq.data(), r.mscale, r.n_rot, b.value(v), b.step};
}

void fill(RopeArgs& a, const Binder& b, const Node& n, Value v) {
  const RopeSpec& r = b.graph->ropes[static_cast<size_t>(n.rope)];
  a = {b.value(n.in[0]), b.value(v), b.value(n.in[1]), r.style,
       n.n_head,         n.head_dim, r.n_rot,          b.rows(n)};
}

void fill(MatmulArgs& a, const Binder& b, const Node& n, Value v) {
  a.w = b.weight(n.w[0]), a.up = b.weight(n.w[1]);
  a.x = b.value(n.in[0]), a.y = b.value(v);
  a.epilogue = {b.vector(n.w[2]), n.scale == 0 ? 1 : n.scale, n.softcap, n.act,
                b.value(n.residual)};
  a.experts = n.op == Op::expert_matmul ? &b.expert_lists[static_cast<size_t>(n.in[1])] : nullptr;
  a.x_per_entry = n.x_per_entry;
  a.micro = nullptr, a.pack = nullptr;
  a.n_rows = b.rows(n);
}

void fill(RouterArgs& a, const Binder& b, const Node& n, Value v) {
  ExpertList& list = b.expert_lists[static_cast<size_t>(v)];
  const int rows = n.rows == Rows::outputs ? b.max_outputs : b.max_rows;
  std::byte* at =
      b.value(v).data + align_up(sizeof(float) * static_cast<size_t>(n.n_used * rows), 64);
  list.n_expert = n.n_expert, list.n_used = n.n_used;
  list.offsets = reinterpret_cast<int32_t*>(at);
  list.entries = reinterpret_cast<int32_t*>(
      at + align_up(sizeof(int32_t) * static_cast<size_t>(n.n_expert + 1), 64));
  a = {b.value(n.in[0]), b.vector(n.w[0]),       n.sigmoid, n.normalize,
       n.scale,          b.value(v).as<float>(), &list,     b.rows(n)};
}

void fill(CombineArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(v), b.value(n.residual), b.value(n.in[1]).as<const float>(),
       n.n_used,         b.rows(n)};
}

void fill(GluArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(n.in[1]), b.value(v), n.act, b.rows(n), n.row_factor};
}

void fill(AddArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(n.in[1]), b.value(v), n.scale, b.rows(n)};
}
void fill(SoftcapArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(v), n.softcap, b.rows(n)};
}
void fill(ScaleArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(v), n.scale, b.vector(n.w[0]), b.rows(n)};
}

void fill(KvStoreArgs& a, const Binder& b, const Node& n, Value) {
  a = {b.value(n.in[0]), b.value(n.in[1]), b.slots[static_cast<size_t>(n.slot)], b.step};
}

void fill(AttendArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(v),       b.slots[static_cast<size_t>(n.slot)],
       n.n_head,         n.window,         n.scale,
       n.softcap,        b.vector(n.w[0]), b.step,
       b.split};
}

void fill(AttendBatchArgs& a, const Binder& b, const Node& n, Value v) {
  a = {b.value(n.in[0]), b.value(n.in[1]), b.value(n.in[2]), b.value(v), n.n_head,
       n.n_head_kv,      n.window,         n.scale,          b.step};
}

void fill(TopArgs& a, const Binder& b, const Node& n, Value) {
  a = b.top;
  a.logits = b.value(n.in[0]);
  a.step = b.step;
}

template <class Args>
constexpr bool can_fill = requires(Args& a, const Binder& b, const Node& n) {
  fill(a, b, n, Value{});
};

template <class Args>
Status fill_one(const Binder& bind, Value v, std::byte* out) {
  const Node& n = bind.graph->nodes[static_cast<size_t>(v)];
  if constexpr (can_fill<Args>) {
    static_assert(sizeof(Args) <= kMaxArgsBytes);
    fill(*new (out) Args{}, bind, n, v);
    return ok;
  } else {
    return Error{Errc::unsupported,
                 fmt::format("the operator {} has no kernel yet", op_name(n.op))};
  }
}

}  // namespace

Tensor Binder::value(Value v) const {
  if (v < 0) return {};
  const Node& n = graph->nodes[static_cast<size_t>(v)];
  const Placement& p = layout->values[static_cast<size_t>(v)];
  const int rows = (n.rows == Rows::outputs ? max_outputs : max_rows) * n.row_factor;
  Tensor t = make_tensor((p.worker ? worker : shared) + p.offset, n.dtype, n.width, rows);
  t.nb[1] = static_cast<int64_t>(p.stride);
  t.nb[2] = t.nb[3] = t.nb[1] * rows;
  return t;
}

Status fill_args(const Binder& bind, Value v, std::byte* out) {
  using Fill = Status (*)(const Binder&, Value, std::byte*);
  static constexpr Fill kFill[] = {
#define OP(name, args) fill_one<args>,
#include "kernels/op.inc"
  };
  return kFill[static_cast<int>(bind.graph->nodes[static_cast<size_t>(v)].op)](bind, v, out);
}

void touched(const Graph& graph, const Layout& layout, Value v, std::vector<Touch>& out) {
  const auto add = [&](Value x, bool write) {
    if (x < 0 || layout.values[static_cast<size_t>(x)].bytes == 0) return;
    const Placement& p = layout.values[static_cast<size_t>(x)];
    out.push_back({p.worker ? Touch::worker : Touch::shared, p.offset, p.offset + p.bytes, write});
  };
  const Node& n = graph.nodes[static_cast<size_t>(v)];
  for (Value in : n.in) add(in, false);
  add(n.residual, false);
  add(v, true);
  if (n.slot >= 0)
    out.push_back({Touch::slot, static_cast<size_t>(n.slot), static_cast<size_t>(n.slot) + 1,
                   n.op == Op::kv_store});
}

}  // namespace engine
