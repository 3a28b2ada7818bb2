// qwen3: the dense Qwen 3 models and their embedding models. Norms of the heads of Q and K.
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kNames[] = {{"self_attn.q_norm", "attn_q_norm"},
                               {"self_attn.k_norm", "attn_k_norm"}};

std::optional<Target> target(const Model& model, std::string_view name) {
  return decoder_target(model, name, kNames);
}

std::vector<Need> needs(const Model& model) {
  std::vector<Need> out = decoder_needs(model);
  for (uint32_t il = 0; il < model.dims.layers; ++il)
    for (const NamePair& n : kNames)
      out.push_back({layer_name(il, std::string(n.gguf) + ".weight"), model.dims.head_dim});
  return out;
}

}  // namespace

extern const Family family_qwen3 = {"qwen3", decoder_dims, decoder_keys, target, needs};

}  // namespace engine::convert
