// Attention with grouped heads: projections with optional biases,
// norms of Q and K, RoPE, cache (decoders), output, residual.
#include <string>

#include "engine/model/blocks.h"

namespace engine {

Value block_norm(const BlockSpec& s, const char* prefix, int il, GraphBuilder& g, Value x) {
  const Weight w = g.weight(std::string(prefix) + ".weight", il);
  if (s.norm == NormKind::rms) return g.rms_norm(x, w, s.eps);
  return g.layer_norm(x, w, g.weight(std::string(prefix) + ".bias", il), s.eps);
}

Value attention_block(const BlockSpec& s, int il, GraphBuilder& g, Value x) {
  const int64_t q_width = int64_t{s.dk} * s.n_head, k_width = int64_t{s.dk} * s.n_head_kv,
                v_width = int64_t{s.dv} * s.n_head_kv;
  const Value a = s.pre_norm ? block_norm(s, "blk.%d.attn_norm", il, g, x) : x;
  Value q = g.matmul(g.weight("blk.%d.attn_q.weight", il, 0, q_width), a,
                     g.optional("blk.%d.attn_q.bias", il, q_width));
  Value k = g.matmul(g.weight("blk.%d.attn_k.weight", il, 0, k_width), a,
                     g.optional("blk.%d.attn_k.bias", il, k_width));
  const Value v = g.matmul(g.weight("blk.%d.attn_v.weight", il, 0, v_width), a,
                           g.optional("blk.%d.attn_v.bias", il, v_width));
  if (s.qk_norm) {
    q = g.rms_norm(q, g.weight("blk.%d.attn_q_norm.weight", il, s.dk), s.eps, s.n_head);
    k = g.rms_norm(k, g.weight("blk.%d.attn_k_norm.weight", il, s.dk), s.eps, s.n_head_kv);
  }
  if (s.rope.n_rot > 0) {
    const int rope = g.rope_spec(s.rope);
    q = g.rope(q, rope, s.n_head, s.dk);
    k = g.rope(k, rope, s.n_head_kv, s.dk);
  }
  const AttendSpec spec{s.n_head, s.attn_scale, s.attn_softcap};
  Value o;
  if (s.causal) {
    const int slot = g.cache_slot({s.window, s.n_head_kv, s.dk, s.dv});
    g.kv_store(slot, k, v);
    o = g.attend(q, slot, spec);
  } else {
    o = g.attend_batch(q, k, v, spec, s.n_head_kv, s.window);
  }
  Value y = g.matmul(g.weight("blk.%d.attn_output.weight", il, int64_t{s.dv} * s.n_head), o,
                     g.optional("blk.%d.attn_output.bias", il));
  if (s.post_attn_norm) y = block_norm(s, "blk.%d.post_attention_norm", il, g, y);
  y = g.add(x, y);
  return s.post_ln ? block_norm(s, "blk.%d.attn_output_norm", il, g, y) : y;
}

}  // namespace engine
