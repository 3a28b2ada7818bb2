// gemma3: Gemma 3 text models (architectures.md 4.4): windowed and global layers with RoPE bases of
// their own, four norms a layer. Norm weights are stored as 1 + w in the file.
#include <cmath>

#include "engine/model/metadata.h"

namespace engine {
namespace {

Status read(const gguf::File& file, const ReadOptions& options, ModelSpec& spec) {
  ENGINE_TRY(m, read_common(file, spec));
  ENGINE_TRY(base, m.f32("rope.freq_base", 10000));
  ENGINE_TRY(base_window, m.f32("rope.freq_base_swa", 10000));
  ENGINE_TRY(window, m.u32("attention.sliding_window", 0));
  ENGINE_TRY(softcap, m.f32("final_logit_softcapping", 0));
  ENGINE_TRY(windowed, read_window_pattern(m, spec.n_layer, 6));
  spec.emb_scale = std::sqrt(static_cast<float>(spec.n_embd));
  spec.head.softcap = softcap;
  for (size_t il = 0; il < spec.blocks.size(); ++il) {
    BlockSpec& b = spec.blocks[il];
    const bool local = window > 0 && windowed[il];
    ENGINE_TRY(n_rot, m.u32("rope.dimension_count", static_cast<uint32_t>(b.dk)));
    ENGINE_TRY(rope, read_rope(m, spec,
                               {RopeStyle::neox, static_cast<int>(n_rot),
                                local ? base_window : base, !local, false, options.n_ctx}));
    b.rope = std::move(rope);
    b.window = local ? static_cast<int32_t>(window) : 0;
    b.qk_norm = b.post_attn_norm = b.post_ffn_norm = true;
    b.act = Act::gelu_tanh;
    b.moe = {};
    if (spec.n_layer == 62)
      b.attn_scale = 1.0f / std::sqrt(static_cast<float>(spec.n_embd / b.n_head));  // 27B
  }
  return ok;
}

}  // namespace

extern const Arch arch_gemma3{"gemma3", read};

}  // namespace engine
