// phi3: Phi 3, 3.5, 4. Q, K and V stand in one matrix, gate and up projection in another.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kNames[] = {{"self_attn.qkv_proj", "attn_qkv"}, {"mlp.gate_up_proj", "ffn_up"}};

// By how much longer contexts are than those of the training.
Result<double> stretch(const Model& model) {
  ENGINE_TRY(original,
             model.config.count({"original_max_position_embeddings"}, model.dims.context));
  return static_cast<double>(model.dims.context) / original;
}

Status keys(const Model& model, Keys& keys) {
  const ModelConfig& c = model.config;
  ENGINE_TRY_STATUS(decoder_keys(model, keys));
  ENGINE_TRY(original, c.count({"original_max_position_embeddings"}, model.dims.context));
  keys.set("rope.scaling.original_context_length", original);
  ENGINE_TRY(window, c.count_if_any({"sliding_window"}));
  if (window) keys.set("attention.sliding_window", *window);
  const std::string type = rope_type(c);
  if (type.empty()) return ok;
  ENGINE_TRY(s, stretch(model));
  double factor = 1;
  if (type == "longrope")
    factor = s <= 1 ? 1 : std::sqrt(1 + std::log(s) / std::log(static_cast<double>(original)));
  else if (type == "yarn")
    factor = 0.1 * std::log(std::max(s, 1.0)) + 1;
  else
    return Error{Errc::unsupported,
                 "rope_scaling of the type " + type.substr(0, 64) + " is not supported for phi3"};
  keys.set("rope.scaling.attn_factor", static_cast<float>(std::max(1.0, factor)));
  return ok;
}

Status computed(const Model& model, std::vector<NewTensor>& tensors) {
  const ModelConfig& c = model.config;
  if (rope_type(c) != "longrope") return ok;
  const SortedJson& scaling = *c.find({"rope_scaling"});
  for (const char* kind : {"long", "short"}) {
    NewTensor t;
    t.name = fmt::format("rope_factors_{}.weight", kind);
    ENGINE_TRY(values, c.floats_of(scaling, fmt::format("{}_factor", kind).c_str()));
    if (values.size() != model.dims.rotated / 2)
      return c.wrong(fmt::format("\"{}_factor\" has {} numbers, {} are needed", kind, values.size(),
                                 model.dims.rotated / 2));
    t.values = std::move(values);
    t.ne = {std::ssize(t.values)};
    tensors.push_back(std::move(t));
  }
  return ok;
}

std::optional<Target> target(const Model& model, std::string_view name) {
  return decoder_target(model, name, kNames);
}

std::vector<Need> needs(const Model& model) {
  const Dims& d = model.dims;
  const int64_t q = int64_t{d.heads} * d.head_dim, kv = int64_t{d.kv_heads} * d.head_dim;
  std::vector<Need> out = {{"output_norm.weight", d.embd}};
  for (uint32_t il = 0; il < d.layers; ++il) {
    out.push_back({layer_name(il, "attn_norm.weight"), d.embd});
    out.push_back({layer_name(il, "attn_qkv.weight"), d.embd, q + 2 * kv});
    out.push_back({layer_name(il, "attn_output.weight"), q, d.embd});
    out.push_back({layer_name(il, "ffn_norm.weight"), d.embd});
    out.push_back({layer_name(il, "ffn_up.weight"), d.embd, 2 * int64_t{d.ff}});
    out.push_back({layer_name(il, "ffn_down.weight"), d.ff, d.embd});
  }
  return out;
}

}  // namespace

extern const Family family_phi3 = {"phi3", decoder_dims, keys, target, needs, computed};

}  // namespace engine::convert
