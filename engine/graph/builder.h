// GraphBuilder: one function per operator; model families call it to describe a forward pass.
// Weights are named once, here, and what the graph names is what gets loaded. Errors (missing
// tensor, wrong shape) are kept and come out of finish(), so builders need no checks.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/result.h"
#include "kernels/graph.h"

namespace engine {

// What an adapter adds to the products with a weight: scale * b (a x). Of the token table, a holds a
// row per token: scale * b a[token]. Names of tensors of the table.
struct LoraPair {
  std::string a, b;
  float scale = 1;
};

// Name to dtype and extents of the tensors of a file.
struct WeightTable {
  std::unordered_map<std::string, WeightInfo> tensors;
  std::map<std::string, std::vector<LoraPair>> adapters;  // by the name of the weight
};

using Weight = int32_t;  // index into Graph::weights; -1: none

struct AttendSpec {
  int32_t n_head = 0;
  float scale = 1, softcap = 0;
  Weight sinks = -1;
};

struct RouterSpec {
  int32_t n_used = 0;
  bool sigmoid = false, normalize = false;
  float scale = 1;
  Weight select_bias = -1;
};

class GraphBuilder {
 public:
  GraphBuilder(const WeightTable& table, int n_layer);

  // "blk.%d.attn_q.weight" with layer >= 0. Extents that must match: ne0, ne1, ... (0: any).
  Weight weight(std::string_view name, int layer = -1, int64_t ne0 = 0, int64_t ne1 = 0,
                int64_t ne2 = 0);
  // -1 when the file has none
  Weight optional(std::string_view name, int layer = -1, int64_t ne0 = 0);
  bool has(std::string_view name, int layer = -1) const;

  int cache_slot(const CacheSlot& slot);  // group is assigned by window
  int rope_spec(const RopeSpec& spec);    // equal specs share one table
  void begin_layer(int il) { layer_ = il; }

  // embed, matmul, expert_matmul: with what the adapters of the weight add.
  Value embed(Weight table, float scale, LookupBy by = LookupBy::token);
  Value rms_norm(Value x, Weight w, float eps, int n_head = 1);
  Value layer_norm(Value x, Weight w, Weight b, float eps);
  Value matmul(Weight w, Value x, Weight bias = -1, Act act = Act::none);  // act(w x + bias)
  Value rope(Value x, int spec, int n_head, int head_dim);
  void kv_store(int slot, Value k, Value v);
  Value attend(Value q, int slot, const AttendSpec&);
  // spec.sinks, spec.softcap: not here. window: see AttendBatchArgs.
  Value attend_batch(Value q, Value k, Value v, const AttendSpec&, int n_head_kv, int window);
  Value glu(Value gate, Value up, Act act);      // up -1: act(gate)
  Value add(Value a, Value b, float scale = 1);  // a + scale * b
  Value scale(Value x, float s);
  Value softcap(Value x, float cap);
  Value router(Value logits, const RouterSpec&);
  Value expert_matmul(Weight w, Value x, Value router, bool x_per_entry);
  Value combine(Value x, Value router);

  // Ends the graph at the logits, or at the hidden row (logits -1, n_vocab 0). n_embd: width of the
  // hidden row. Result: the first error, or the graph. An adapter of a weight that no product reads
  // is an error: it would be left out in silence.
  Result<Graph> finish(Value hidden, Value logits, int n_vocab, int n_embd);

  int64_t width(Value v) const { return v < 0 ? 0 : graph_.nodes[static_cast<size_t>(v)].width; }

  void fail(Error e) {
    if (!failed_) error_ = std::move(e), failed_ = true;
  }

 private:
  Value push(Node n);
  WeightInfo& info(Weight w);
  std::span<const LoraPair> adapters_of(const std::string& name);
  Value product(Node n);
  Value lora_add(Value y, Value t, const LoraPair& pair, const Node& like);

  const WeightTable& table_;
  Graph graph_;
  std::unordered_map<std::string, Weight> index_;
  std::set<std::string> adapted_;  // weights whose adapters are in the graph
  std::vector<Value> rope_tables_;
  int layer_ = -1;
  bool failed_ = false;
  Error error_{Errc::internal, ""};
};

}  // namespace engine
