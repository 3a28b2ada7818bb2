// qwen2: Qwen2, Qwen2.5, QwQ and the DeepSeek-R1 distills of them (architectures.md 4.2).
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
    b.moe = {};
  }
  return ok;
}

}  // namespace

extern const Arch arch_qwen2{"qwen2", read};

}  // namespace engine
