// gemma3: Gemma 3, the text part. The checkpoint holds what is added to 1 in every norm; GGUF files
// hold the sum. The vision tower of the larger ones is left out.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kNames[] = {{"self_attn.q_norm", "attn_q_norm"},
                               {"self_attn.k_norm", "attn_k_norm"},
                               {"post_attention_layernorm", "post_attention_norm"},
                               {"pre_feedforward_layernorm", "ffn_norm"},
                               {"post_feedforward_layernorm", "post_ffw_norm"}};

constexpr const char* kLeftOut[] = {"vision_tower.", "model.vision_tower.",
                                    "multi_modal_projector.", "model.multi_modal_projector."};

struct HeadLine {
  uint32_t layers, heads, kv_heads;
};
// The models with images do not say it.
constexpr HeadLine kHeads[] = {{34, 8, 4}, {48, 16, 8}, {62, 32, 16}};

Result<Dims> dims(const ModelConfig& config) {
  Dims d;
  HeadLine usual = {0, 8, 4};
  ENGINE_TRY(layers, config.count({"num_hidden_layers"}));
  for (const HeadLine& line : kHeads)
    if (line.layers == layers) usual = line;
  ENGINE_TRY(context, config.count({"max_position_embeddings"}, 131072));
  ENGINE_TRY(embd, config.count({"hidden_size"}));
  ENGINE_TRY(ff, config.count({"intermediate_size"}));
  ENGINE_TRY(heads, config.count({"num_attention_heads"}, usual.heads));
  ENGINE_TRY(kv_heads, config.count({"num_key_value_heads"}, usual.kv_heads));
  ENGINE_TRY(head_dim, config.count({"head_dim"}, 256));
  if (layers > 512 || heads % kv_heads != 0 || head_dim > 65536)
    return config.wrong("the numbers of layers and heads make no sense");
  d.layers = layers, d.context = context, d.embd = embd, d.ff = ff;
  d.heads = heads, d.kv_heads = kv_heads, d.head_dim = d.rotated = head_dim;
  return d;
}

// Which layers see only a window: by layer, or every one but each n-th.
Status window_keys(const Model& model, Keys& keys) {
  const ModelConfig& c = model.config;
  ENGINE_TRY(window, c.count_if_any({"sliding_window"}));
  ENGINE_TRY(pattern, c.count_if_any({"sliding_window_pattern"}));
  if (!window || pattern == std::optional<uint32_t>(1)) return ok;
  keys.set("attention.sliding_window", *window);
  if (const SortedJson* types = c.find({"layer_types"}); types != nullptr && types->is_array()) {
    std::vector<bool> windowed;
    for (const SortedJson& t : *types) windowed.push_back(t == "sliding_attention");
    if (windowed.size() != model.dims.layers)
      return c.wrong(fmt::format("\"layer_types\" has {} entries for {} layers", windowed.size(),
                                 model.dims.layers));
    keys.set_array("attention.sliding_window_pattern", windowed);
  } else if (pattern) {
    keys.set("attention.sliding_window_pattern", *pattern);
  }
  return ok;
}

Status keys(const Model& model, Keys& keys) {
  const ModelConfig& c = model.config;
  ENGINE_TRY_STATUS(decoder_keys(model, keys));
  ENGINE_TRY(base, c.number({"rope_theta"}, 1e6));
  ENGINE_TRY(local_base, c.number({"rope_local_base_freq"}, 10000.0));
  keys.set("rope.freq_base", static_cast<float>(base));
  keys.set("rope.freq_base_swa", static_cast<float>(local_base));
  ENGINE_TRY(softcap, c.number_if_any({"final_logit_softcapping"}));
  if (softcap) keys.set("final_logit_softcapping", static_cast<float>(*softcap));
  return window_keys(model, keys);
}

std::optional<Target> target(const Model& model, std::string_view name) {
  for (const std::string_view prefix : kLeftOut)
    if (name.starts_with(prefix)) return Target{};
  std::optional<Target> out = decoder_target(model, name, kNames);
  if (out && out->name.ends_with("norm.weight")) out->add = 1;
  return out;
}

std::vector<Need> needs(const Model& model) {
  std::vector<Need> out = decoder_needs(model);
  const Dims& d = model.dims;
  for (uint32_t il = 0; il < d.layers; ++il) {
    out.push_back({layer_name(il, "attn_q_norm.weight"), d.head_dim});
    out.push_back({layer_name(il, "attn_k_norm.weight"), d.head_dim});
    out.push_back({layer_name(il, "post_attention_norm.weight"), d.embd});
    out.push_back({layer_name(il, "post_ffw_norm.weight"), d.embd});
  }
  return out;
}

}  // namespace

extern const Family family_gemma3 = {"gemma3", dims, keys, target, needs, nullptr, true};

}  // namespace engine::convert
