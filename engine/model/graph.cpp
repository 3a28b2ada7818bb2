// build_graph(): the one builder that walks the layers of a spec.
#include "engine/model/blocks.h"

namespace engine {
namespace {

Value embeddings(const ModelSpec& spec, GraphBuilder& g, Weight embd) {
  Value x = g.embed(embd, spec.emb_scale);
  if (spec.token_types && g.has("token_types.weight"))
    x = g.add(x, g.embed(g.weight("token_types.weight", -1, spec.n_embd), 1, LookupBy::first));
  if (spec.learned_pos)
    x = g.add(x, g.embed(g.weight("position_embd.weight", -1, spec.n_embd, spec.n_ctx_train), 1,
                         LookupBy::position));
  if (spec.emb_norm) x = block_norm(spec.blocks.front(), "token_embd_norm", -1, g, x);
  return x;
}

// What becomes a vector: the row itself, or the scores of a classifier over it.
Result<Graph> pooled_end(const ModelSpec& spec, GraphBuilder& g, Value x) {
  if (spec.pooling == Pooling::rank) {
    if (g.has("cls.weight"))  // tanh: a soft cap of 1
      x = g.softcap(g.matmul(g.weight("cls.weight", -1, spec.n_embd, spec.n_embd), x,
                             g.optional("cls.bias", -1, spec.n_embd)),
                    1);
    if (g.has("cls.output.weight"))
      x = g.matmul(g.weight("cls.output.weight", -1, spec.n_embd), x,
                   g.optional("cls.output.bias"));
  }
  const int width = static_cast<int>(g.width(x));
  return g.finish(x, -1, 0, width);
}

}  // namespace

Result<Graph> build_graph(const ModelSpec& spec, const WeightTable& table) {
  GraphBuilder g(table, spec.n_layer);
  const Weight embd = g.weight("token_embd.weight", -1, spec.n_embd, spec.n_vocab);
  Value x = embeddings(spec, g, embd);
  for (int il = 0; il < spec.n_layer; ++il) {
    const BlockSpec& block = spec.blocks[static_cast<size_t>(il)];
    g.begin_layer(il);
    x = attention_block(block, il, g, x);
    x = ffn_block(block, il, g, x);
  }
  g.begin_layer(spec.n_layer);
  const Value hidden =
      spec.head.norm ? g.rms_norm(x, g.weight("output_norm.weight", -1, spec.n_embd), spec.head.eps)
                     : x;
  if (spec.pooling != Pooling::unspecified) return pooled_end(spec, g, hidden);
  // missing: tied
  const Weight head =
      g.has("output.weight") ? g.weight("output.weight", -1, spec.n_embd, spec.n_vocab) : embd;
  Value logits = g.matmul(head, hidden, g.optional("output.bias", -1, spec.n_vocab));
  if (spec.head.softcap > 0) logits = g.softcap(logits, spec.head.softcap);
  return g.finish(hidden, logits, spec.n_vocab, spec.n_embd);
}

}  // namespace engine
