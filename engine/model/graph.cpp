// build_graph(): the one builder that walks the layers of a spec.
#include "engine/model/blocks.h"

namespace engine {

Result<Graph> build_graph(const ModelSpec& spec, const WeightTable& table) {
  GraphBuilder g(table, spec.n_layer);
  const Weight embd = g.weight("token_embd.weight", -1, spec.n_embd, spec.n_vocab);
  Value x = g.embed(embd, spec.emb_scale);
  for (int il = 0; il < spec.n_layer; ++il) {
    const BlockSpec& block = spec.blocks[static_cast<size_t>(il)];
    g.begin_layer(il);
    x = attention_block(block, il, g, x);
    x = ffn_block(block, il, g, x);
  }
  g.begin_layer(spec.n_layer);
  const Value hidden =
      g.rms_norm(x, g.weight("output_norm.weight", -1, spec.n_embd), spec.head.eps);
  // missing: tied
  const Weight head =
      g.has("output.weight") ? g.weight("output.weight", -1, spec.n_embd, spec.n_vocab) : embd;
  Value logits = g.matmul(head, hidden, g.optional("output.bias", -1, spec.n_vocab));
  if (spec.head.softcap > 0) logits = g.softcap(logits, spec.head.softcap);
  return g.finish(hidden, logits, spec.n_vocab, spec.n_embd);
}

}  // namespace engine
