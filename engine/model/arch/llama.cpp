// llama: Llama 1-3, Mistral, SmolLM, TinyLlama, and Mixtral
// when the file has experts (architectures.md 4.1).
#include <fmt/format.h>

#include "engine/model/metadata.h"

namespace engine {
namespace {

Status read(const gguf::File& file, const ReadOptions& options, ModelSpec& spec) {
  ENGINE_TRY(m, read_common(file, spec));
  ENGINE_TRY(base, m.f32("rope.freq_base", 10000));
  for (BlockSpec& b : spec.blocks) {
    ENGINE_TRY(n_rot, m.u32("rope.dimension_count", static_cast<uint32_t>(b.dk)));
    if (static_cast<int32_t>(n_rot) != b.dk || b.dk != b.dv)
      return Error{Errc::corrupt, fmt::format("invalid n_rot: {}, expected {}", n_rot, b.dk)};
    ENGINE_TRY(rope, read_rope(m, spec,
                               {RopeStyle::norm, static_cast<int>(n_rot), base, true, true,
                                options.n_ctx}));
    b.rope = std::move(rope);
    b.moe.normalize = true;
  }
  return ok;
}

}  // namespace

extern const Arch arch_llama{"llama", read};

}  // namespace engine
