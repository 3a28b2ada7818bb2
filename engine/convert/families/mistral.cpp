// mistral: Mistral 7B, Nemo, Small; Mixtral. The architecture llama, with experts in Mixtral; the
// sliding window of the first 7B is not used by anybody.
#include <charconv>

#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kNames[] = {{"block_sparse_moe.gate", "ffn_gate_inp"}};

// w1 is the gate, w3 goes up, w2 goes down.
const char* expert_name(std::string_view w) {
  if (w == "w1.weight") return "ffn_gate_exps.weight";
  if (w == "w2.weight") return "ffn_down_exps.weight";
  if (w == "w3.weight") return "ffn_up_exps.weight";
  return nullptr;
}

// "model.layers.N.block_sparse_moe.experts.X.w1.weight"
std::optional<Target> expert_target(const Model& model, std::string_view name) {
  constexpr std::string_view kExperts = ".block_sparse_moe.experts.", kLayers = "model.layers.";
  const size_t at = name.find(kExperts);
  if (at == std::string_view::npos || !name.starts_with(kLayers)) return std::nullopt;
  const std::string_view layer_text = name.substr(kLayers.size(), at - kLayers.size());
  const std::string_view rest = name.substr(at + kExperts.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view s) -> std::optional<uint32_t> {
    uint32_t n = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
    if (ec != std::errc() || end != s.data() + s.size()) return std::nullopt;
    return n;
  };
  const std::optional<uint32_t> layer = number(layer_text), expert = number(rest.substr(0, dot));
  const char* found = expert_name(rest.substr(dot + 1));
  if (!layer || *layer >= model.dims.layers || !expert || *expert >= model.dims.experts ||
      found == nullptr)
    return std::nullopt;
  Target out;
  out.name = layer_name(*layer, found);
  out.expert = *expert;
  return out;
}

std::optional<Target> target(const Model& model, std::string_view name) {
  if (std::optional<Target> expert = expert_target(model, name)) return expert;
  std::optional<Target> out = decoder_target(model, name, kNames);
  if (out) interleave_heads(model, *out);
  return out;
}

}  // namespace

extern const Family family_mistral = {"llama", decoder_dims, decoder_keys, target, decoder_needs};

}  // namespace engine::convert
