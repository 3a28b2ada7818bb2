// Feed-forward: dense (gated or not) or experts, with norms and residual.
#include "engine/model/blocks.h"

namespace engine {
namespace {

Value dense(const BlockSpec& s, int il, GraphBuilder& g, Value x) {
  if (!s.gated) {
    const Value up = g.matmul(g.weight("blk.%d.ffn_up.weight", il, 0, s.n_ff), x,
                              g.optional("blk.%d.ffn_up.bias", il, s.n_ff), s.act);
    return g.matmul(g.weight("blk.%d.ffn_down.weight", il, s.n_ff), up,
                    g.optional("blk.%d.ffn_down.bias", il));
  }
  const Value gate = g.matmul(g.weight("blk.%d.ffn_gate.weight", il, 0, s.n_ff), x,
                              g.optional("blk.%d.ffn_gate.bias", il, s.n_ff));
  const Value up = g.matmul(g.weight("blk.%d.ffn_up.weight", il, 0, s.n_ff), x,
                            g.optional("blk.%d.ffn_up.bias", il, s.n_ff));
  return g.matmul(g.weight("blk.%d.ffn_down.weight", il, s.n_ff), g.glu(gate, up, s.act),
                  g.optional("blk.%d.ffn_down.bias", il));
}

}  // namespace

Value moe(const BlockSpec& s, int il, GraphBuilder& g, Value x) {
  const MoeSpec& e = s.moe;
  const Value logits = g.matmul(g.weight("blk.%d.ffn_gate_inp.weight", il, 0, e.n_expert), x);
  const Value router = g.router(logits, {e.n_used, e.sigmoid, e.normalize, e.weight_scale,
                                         g.optional("blk.%d.exp_probs_b.bias", il, e.n_expert)});
  const Value gate = g.expert_matmul(
      g.weight("blk.%d.ffn_gate_exps.weight", il, 0, e.n_ff, e.n_expert), x, router, false);
  const Value up = g.expert_matmul(g.weight("blk.%d.ffn_up_exps.weight", il, 0, e.n_ff, e.n_expert),
                                   x, router, false);
  const Value down =
      g.expert_matmul(g.weight("blk.%d.ffn_down_exps.weight", il, e.n_ff, 0, e.n_expert),
                      g.glu(gate, up, s.act), router, true);
  return g.combine(down, router);
}

Value ffn_block(const BlockSpec& s, int il, GraphBuilder& g, Value x) {
  const Value h = s.pre_norm ? block_norm(s, "blk.%d.ffn_norm", il, g, x) : x;
  Value y = s.moe.n_expert > 0 ? moe(s, il, g, h) : dense(s, il, g, h);
  if (s.post_ffn_norm) y = block_norm(s, "blk.%d.post_ffw_norm", il, g, y);
  y = g.add(x, y);
  return s.post_ln ? block_norm(s, "blk.%d.layer_output_norm", il, g, y) : y;
}

}  // namespace engine
