#include "engine/graph/builder.h"

#include <fmt/format.h>

#include <utility>

namespace engine {
namespace {

std::string full_name(std::string_view name, int layer) {
  if (layer < 0) return std::string(name);
  std::string out(name);
  if (const size_t at = out.find("%d"); at != std::string::npos)
    out.replace(at, 2, std::to_string(layer));
  return out;
}

}  // namespace

GraphBuilder::GraphBuilder(const WeightTable& table, int n_layer) : table_(table) {
  graph_.n_layer = n_layer;
}

bool GraphBuilder::has(std::string_view name, int layer) const {
  return table_.tensors.count(full_name(name, layer)) != 0;
}

Weight GraphBuilder::weight(std::string_view name, int layer, int64_t ne0, int64_t ne1,
                            int64_t ne2) {
  const std::string full = full_name(name, layer);
  const auto found = table_.tensors.find(full);
  if (found == table_.tensors.end()) {
    fail({Errc::corrupt, fmt::format("missing tensor '{}'", full)});
    return -1;
  }
  const WeightInfo& t = found->second;
  const int64_t want[3] = {ne0, ne1, ne2};
  for (int i = 0; i < 3; ++i)
    if (want[i] != 0 && t.ne[i] != want[i]) {
      fail({Errc::corrupt,
            fmt::format("tensor '{}' has shape [{}, {}, {}], expected {} in dimension {}", full,
                        t.ne[0], t.ne[1], t.ne[2], want[i], i)});
      return -1;
    }
  if (!traits(t.dtype).computable) {
    fail({Errc::unsupported,
          fmt::format("tensor '{}' has type {}, which this version cannot compute with", full,
                      display_name(t.dtype))});
    return -1;
  }
  const auto [it, fresh] = index_.emplace(full, static_cast<Weight>(graph_.weights.size()));
  if (fresh) graph_.weights.push_back(t);
  return it->second;
}

Weight GraphBuilder::optional(std::string_view name, int layer, int64_t ne0) {
  return has(name, layer) ? weight(name, layer, ne0) : -1;
}

WeightInfo& GraphBuilder::info(Weight w) {
  return graph_.weights[static_cast<size_t>(w)];
}

int GraphBuilder::cache_slot(const CacheSlot& slot) {
  CacheSlot s = slot;
  s.group = -1;
  for (size_t g = 0; g < graph_.group_window.size(); ++g)
    if (graph_.group_window[g] == s.window) s.group = static_cast<int32_t>(g);
  if (s.group < 0) {
    s.group = static_cast<int32_t>(graph_.group_window.size());
    graph_.group_window.push_back(s.window);
    if (s.group >= kMaxCacheGroups)
      fail({Errc::unsupported, "more than four kinds of attention window in one model"});
  }
  graph_.slots.push_back(s);
  return static_cast<int>(graph_.slots.size() - 1);
}

int GraphBuilder::rope_spec(const RopeSpec& spec) {
  for (size_t i = 0; i < graph_.ropes.size(); ++i)
    if (graph_.ropes[i] == spec) return static_cast<int>(i);
  graph_.ropes.push_back(spec);
  rope_tables_.push_back(-1);
  return static_cast<int>(graph_.ropes.size() - 1);
}

Value GraphBuilder::push(Node n) {
  n.layer = layer_;
  graph_.nodes.push_back(n);
  return static_cast<Value>(graph_.nodes.size() - 1);
}

Value GraphBuilder::embed(Weight table, float scale, LookupBy by) {
  Node n{Op::embed};
  n.w[0] = table;
  n.by = by;
  n.scale = scale;
  if (table < 0) return push(n);
  info(table).embed = true, n.width = info(table).ne[0];
  Value y = push(n);
  if (by != LookupBy::token) return y;
  for (const LoraPair& pair : adapters_of(info(table).name)) {
    Node t = n;  // scaled too: an adapter adds to the table
    if ((t.w[0] = weight(pair.a)) < 0) continue;
    info(t.w[0]).embed = true, t.width = info(t.w[0]).ne[0];
    y = lora_add(y, push(t), pair, Node{Op::matmul});
  }
  return y;
}

Value GraphBuilder::rms_norm(Value x, Weight w, float eps, int n_head) {
  Node n{Op::rms_norm};
  n.in[0] = x, n.w[0] = w, n.eps = eps, n.n_head = n_head, n.width = width(x);
  if (w >= 0) info(w).vector = true;
  return push(n);
}

Value GraphBuilder::layer_norm(Value x, Weight w, Weight b, float eps) {
  Node n{Op::layer_norm};
  n.in[0] = x, n.w[0] = w, n.w[2] = b, n.eps = eps, n.width = width(x);
  if (w >= 0) info(w).vector = true;
  if (b >= 0) info(b).vector = true;
  return push(n);
}

Value GraphBuilder::matmul(Weight w, Value x, Weight bias, Act act) {
  Node n{Op::matmul};
  n.in[0] = x, n.w[0] = w, n.w[2] = bias, n.act = act;
  if (w >= 0) {
    info(w).matmul = true, n.width = info(w).ne[1];
    if (info(w).ne[0] != width(x) && x >= 0)
      fail({Errc::corrupt, fmt::format("tensor '{}' has {} columns, its input has {}", info(w).name,
                                       info(w).ne[0], width(x))});
  }
  if (bias >= 0) info(bias).vector = true;
  return product(n);
}

std::span<const LoraPair> GraphBuilder::adapters_of(const std::string& name) {
  const auto found = table_.adapters.find(name);
  if (found == table_.adapters.end()) return {};
  adapted_.insert(name);
  return found->second;
}

// A product with a matrix, and behind it what adapters add. t = a x comes first: it is a few rows of
// work, and whoever is late with it holds up nobody while the large product goes on.
Value GraphBuilder::product(Node n) {
  if (n.w[0] < 0) return push(n);
  // By a model without an output matrix the token table is used for it; its own adapters belong to
  // the look-up.
  const WeightInfo& w = info(n.w[0]);
  const std::span<const LoraPair> pairs =
      adapters_of(w.embed && n.op == Op::matmul ? "output.weight" : w.name);
  if (pairs.empty()) return push(n);
  std::vector<Value> t;
  for (const LoraPair& pair : pairs) {
    Node a = n;
    a.act = Act::none, a.w[2] = -1;
    if ((a.w[0] = weight(pair.a)) < 0) return push(n);
    info(a.w[0]).matmul = true, a.width = info(a.w[0]).ne[1];
    t.push_back(push(a));
  }
  const Act act = std::exchange(n.act, Act::none);
  Value y = push(n);
  for (size_t i = 0; i < t.size(); ++i) y = lora_add(y, t[i], pairs[i], n);
  return act == Act::none ? y : glu(y, -1, act);
}

// y + scale * b t: a matmul whose residual is y.
Value GraphBuilder::lora_add(Value y, Value t, const LoraPair& pair, const Node& like) {
  const Weight b = weight(pair.b);
  if (b < 0) return y;
  info(b).matmul = true;
  Node n{like.op};
  n.in[0] = t, n.in[1] = like.op == Op::expert_matmul ? like.in[1] : -1;
  n.w[0] = b, n.scale = pair.scale, n.residual = y, n.width = info(b).ne[1];
  n.n_used = like.n_used, n.row_factor = like.row_factor;
  n.x_per_entry = like.op == Op::expert_matmul;
  return push(n);
}

Value GraphBuilder::rope(Value x, int spec, int n_head, int head_dim) {
  const RopeSpec& r = graph_.ropes[static_cast<size_t>(spec)];
  Value& table = rope_tables_[static_cast<size_t>(spec)];
  if (table < 0) {
    Node t{Op::rope_table};
    t.rope = spec, t.width = r.n_rot;
    table = push(t);
  }
  Node n{Op::rope};
  n.in[0] = x, n.in[1] = table, n.rope = spec, n.n_head = n_head, n.head_dim = head_dim,
  n.width = width(x);
  return push(n);
}

void GraphBuilder::kv_store(int slot, Value k, Value v) {
  Node n{Op::kv_store};
  n.in[0] = k, n.in[1] = v, n.slot = slot;
  push(n);
}

Value GraphBuilder::attend(Value q, int slot, const AttendSpec& spec) {
  const CacheSlot& s = graph_.slots[static_cast<size_t>(slot)];
  Node n{Op::attend};
  n.in[0] = q, n.w[0] = spec.sinks, n.slot = slot, n.n_head = spec.n_head, n.scale = spec.scale,
  n.softcap = spec.softcap;
  n.window = s.window, n.head_dim = s.dk, n.width = static_cast<int64_t>(s.dv) * spec.n_head;
  if (spec.sinks >= 0) info(spec.sinks).vector = true;
  return push(n);
}

Value GraphBuilder::attend_batch(Value q, Value k, Value v, const AttendSpec& spec, int n_head_kv,
                                 int window) {
  Node n{Op::attend_batch};
  n.in[0] = q, n.in[1] = k, n.in[2] = v, n.n_head = spec.n_head, n.n_head_kv = n_head_kv,
  n.window = window, n.scale = spec.scale, n.width = width(q);
  return push(n);
}

Value GraphBuilder::glu(Value gate, Value up, Act act) {
  Node n{Op::glu};
  n.in[0] = gate, n.in[1] = up, n.act = act, n.width = width(gate);
  if (gate >= 0) n.row_factor = graph_.nodes[static_cast<size_t>(gate)].row_factor;
  return push(n);
}

Value GraphBuilder::add(Value a, Value b, float scale) {
  Node n{Op::add};
  n.in[0] = a, n.in[1] = b, n.scale = scale, n.width = width(a);
  return push(n);
}

Value GraphBuilder::scale(Value x, float s) {
  Node n{Op::scale};
  n.in[0] = x, n.scale = s, n.width = width(x);
  return push(n);
}

Value GraphBuilder::softcap(Value x, float cap) {
  Node n{Op::softcap};
  n.in[0] = x, n.softcap = cap, n.width = width(x);
  return push(n);
}

Value GraphBuilder::router(Value logits, const RouterSpec& spec) {
  Node n{Op::router_topk};
  n.in[0] = logits, n.w[0] = spec.select_bias, n.n_used = spec.n_used, n.sigmoid = spec.sigmoid,
  n.normalize = spec.normalize;
  n.scale = spec.scale, n.width = spec.n_used, n.n_expert = static_cast<int32_t>(width(logits));
  if (spec.select_bias >= 0) info(spec.select_bias).vector = true;
  return push(n);
}

Value GraphBuilder::expert_matmul(Weight w, Value x, Value router, bool x_per_entry) {
  Node n{Op::expert_matmul};
  n.in[0] = x, n.in[1] = router, n.w[0] = w, n.x_per_entry = x_per_entry;
  if (router >= 0) n.n_used = n.row_factor = graph_.nodes[static_cast<size_t>(router)].n_used;
  if (w >= 0) info(w).matmul = true, n.width = info(w).ne[1];
  return product(n);
}

Value GraphBuilder::combine(Value x, Value router) {
  Node n{Op::combine};
  n.in[0] = x, n.in[1] = router, n.width = width(x);
  if (router >= 0) n.n_used = graph_.nodes[static_cast<size_t>(router)].n_used;
  return push(n);
}

Result<Graph> GraphBuilder::finish(Value hidden, Value logits, int n_vocab, int n_embd) {
  for (const auto& [name, pairs] : table_.adapters)
    if (!adapted_.contains(name))
      fail({Errc::unsupported,
            fmt::format("the adapter has a LoRA tensor for '{}', which no matrix product of this "
                        "model reads",
                        name)});
  if (failed_) return std::move(error_);
  graph_.hidden = hidden, graph_.logits = logits, graph_.n_vocab = n_vocab, graph_.n_embd = n_embd;
  return std::move(graph_);
}

}  // namespace engine
