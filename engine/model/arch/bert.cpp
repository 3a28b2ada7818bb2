// bert: all-minilm, bge, mxbai-embed, snowflake-arctic-embed 1, multilingual-e5
// (architectures.md 4.6). The feed-forward takes the tanh form of GELU, as the files' users do.
#include "engine/model/arch/bert.h"

namespace engine {

Result<Metadata> read_bert_family(const gguf::File& file, ModelSpec& spec) {
  ENGINE_TRY(m, read_common(file, spec, "attention.layer_norm_epsilon"));
  ENGINE_TRY(types, file.u32("tokenizer.ggml.token_type_count", 0));
  if (types == 0) return Error{Errc::corrupt, "bert model needs to define token type count"};
  if (spec.pooling == Pooling::unspecified) spec.pooling = Pooling::none;
  spec.token_types = spec.emb_norm = true;
  spec.head.norm = false;
  for (BlockSpec& b : spec.blocks) {
    if (b.dk != b.dv)
      return Error{Errc::corrupt, "keys and values of a bert model must have the same length"};
    b.norm = NormKind::layer;
    b.pre_norm = false, b.post_ln = true;
    b.causal = false;
  }
  return std::move(m);
}

namespace {

Status read(const gguf::File& file, const ReadOptions&, ModelSpec& spec) {
  ENGINE_TRY_STATUS(read_bert_family(file, spec));
  spec.learned_pos = true;
  for (BlockSpec& b : spec.blocks) b.gated = false, b.act = Act::gelu_tanh;
  return ok;
}

}  // namespace

extern const Arch arch_bert{"bert", read};

}  // namespace engine
