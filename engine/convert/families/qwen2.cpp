// qwen2: Qwen 1.5, 2, 2.5, QwQ, DeepSeek-R1-Distill-Qwen. Biases of Q, K and V; no reordering.
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

std::optional<Target> target(const Model& model, std::string_view name) {
  return decoder_target(model, name);
}

}  // namespace

extern const Family family_qwen2 = {"qwen2", decoder_dims, decoder_keys, target, decoder_needs};

}  // namespace engine::convert
