// nomic-bert: nomic-embed-text 1 and 1.5 (architectures.md 4.7): bert with RoPE and a gated
// feed-forward.
#include "engine/model/arch/bert.h"

namespace engine {
namespace {

Status read(const gguf::File& file, const ReadOptions& options, ModelSpec& spec) {
  ENGINE_TRY(m, read_bert_family(file, spec));
  ENGINE_TRY(base, m.f32("rope.freq_base", 10000));
  for (BlockSpec& b : spec.blocks) {
    ENGINE_TRY(rope, read_rope(m, spec, {RopeStyle::neox, b.dk, base, true, false, options.n_ctx}));
    b.rope = std::move(rope);
  }
  return ok;
}

}  // namespace

extern const Arch arch_nomic_bert{"nomic-bert", read};

}  // namespace engine
