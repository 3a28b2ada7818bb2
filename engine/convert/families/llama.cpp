// llama: Llama 1 to 3.3, SmolLM, TinyLlama, Yi, DeepSeek-R1-Distill-Llama. Rows of Q and K are
// reordered, because the architecture turns neighbouring elements.
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

Status keys(const Model& model, Keys& keys) {
  ENGINE_TRY_STATUS(decoder_keys(model, keys));
  const std::string type = rope_type(model.config);
  if (!type.empty() && type != "linear" && type != "yarn" && type != "llama3" && type != "dynamic")
    return Error{Errc::unsupported,
                 "rope_scaling of the type " + type.substr(0, 64) + " is not supported for llama"};
  return ok;
}

std::optional<Target> target(const Model& model, std::string_view name) {
  std::optional<Target> out = decoder_target(model, name);
  if (out) interleave_heads(model, *out);
  return out;
}

}  // namespace

extern const Family family_llama = {"llama", decoder_dims,  keys,
                                    target,  decoder_needs, add_llama3_factors};

}  // namespace engine::convert
