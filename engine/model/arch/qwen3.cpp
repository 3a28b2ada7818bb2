// qwen3: Qwen3 dense (architectures.md 4.3): qwen2 with norms of Q and K per head.
#include "engine/model/metadata.h"

namespace engine {
namespace {

Status read(const gguf::File& file, const ReadOptions& options, ModelSpec& spec) {
  ENGINE_TRY(m, read_common(file, spec));
  ENGINE_TRY(base, m.f32("rope.freq_base", 10000));
  for (BlockSpec& b : spec.blocks) {
    ENGINE_TRY(n_rot, m.u32("rope.dimension_count", static_cast<uint32_t>(b.dk)));
    ENGINE_TRY(rope, read_rope(m, spec,
                               {RopeStyle::neox, static_cast<int>(n_rot), base, true, false,
                                options.n_ctx}));
    b.rope = std::move(rope);
    b.qk_norm = true;
    b.moe = {};
  }
  return ok;
}

}  // namespace

extern const Arch arch_qwen3{"qwen3", read};

}  // namespace engine
