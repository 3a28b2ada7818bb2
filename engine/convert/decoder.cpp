// What the decoder families have in common: names of tensors, sizes, keys.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kTop[] = {
    {"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}};

constexpr NamePair kLayer[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"}};

constexpr const char* kPrefixes[] = {"model.language_model.", "language_model.model.",
                                     "language_model.", "model."};

const char* look_up(std::span<const NamePair> pairs, std::string_view name) {
  for (const NamePair& p : pairs)
    if (name == p.hf) return p.gguf;
  return nullptr;
}

// "3.rest" to 3, leaving "rest".
std::optional<uint32_t> take_number(std::string_view& s) {
  uint32_t n = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  const size_t used = static_cast<size_t>(end - s.data());
  if (ec != std::errc() || used >= s.size() || s[used] != '.') return std::nullopt;
  s.remove_prefix(used + 1);
  return n;
}

}  // namespace

std::string layer_name(uint32_t layer, std::string_view name) {
  return fmt::format("blk.{}.{}", layer, name);
}

std::optional<Target> decoder_target(const Model& model, std::string_view name,
                                     std::span<const NamePair> own) {
  // Tables that can be computed, kept by old files.
  if (name.ends_with(".inv_freq")) return Target{};
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix)) {
      name.remove_prefix(prefix.size());
      break;
    }
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string suffix(name.substr(dot));
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  name = name.substr(0, dot);

  Target out;
  if (const char* top = look_up(kTop, name)) {
    // A head that is the embedding again is not stored twice.
    const bool again = name == "lm_head" && model.config.flag("tie_word_embeddings", false);
    if (!again) out.name = top + suffix;
    return out;
  }
  constexpr std::string_view kLayers = "layers.";
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  const std::optional<uint32_t> layer = take_number(name);
  if (!layer || *layer >= model.dims.layers) return std::nullopt;
  const char* found = look_up(own, name);
  if (found == nullptr) found = look_up(kLayer, name);
  if (found == nullptr) return std::nullopt;
  out.name = layer_name(*layer, found + suffix);
  return out;
}

void interleave_heads(const Model& model, Target& target) {
  const std::string_view name = target.name;
  if (name.ends_with(".attn_q.weight") || name.ends_with(".attn_q.bias"))
    target.heads = model.dims.heads;
  if (name.ends_with(".attn_k.weight") || name.ends_with(".attn_k.bias"))
    target.heads = model.dims.kv_heads;
}

Result<Dims> decoder_dims(const ModelConfig& config) {
  Dims d;
  ENGINE_TRY(layers, config.count({"num_hidden_layers", "n_layers", "n_layer"}));
  ENGINE_TRY(context, config.count({"max_position_embeddings", "n_ctx", "n_positions"}));
  ENGINE_TRY(embd, config.count({"hidden_size", "n_embd", "dim"}));
  ENGINE_TRY(ff, config.count({"intermediate_size", "n_inner"}));
  ENGINE_TRY(heads, config.count({"num_attention_heads", "n_head"}));
  ENGINE_TRY(kv_heads, config.count({"num_key_value_heads"}, heads));
  ENGINE_TRY(head_dim, config.count({"head_dim"}, std::max(1u, embd / heads)));
  ENGINE_TRY(experts, config.count_if_any({"num_local_experts"}, 0));
  ENGINE_TRY(used, config.count_if_any({"num_experts_per_tok", "top_k"}, 0));
  ENGINE_TRY(rotated_part, config.number({"partial_rotary_factor"}, 1.0));
  if (layers > 512)
    return config.wrong(
        fmt::format("\"num_hidden_layers\" is {}, at most 512 are possible", layers));
  if (heads % kv_heads != 0)
    return config.wrong(
        fmt::format("{} attention heads cannot share {} key-value heads", heads, kv_heads));
  if (head_dim > 65536)
    return config.wrong(fmt::format("\"head_dim\" is {}, at most 65536 is possible", head_dim));
  d.layers = layers, d.context = context, d.embd = embd, d.ff = ff;
  d.heads = heads, d.kv_heads = kv_heads, d.head_dim = head_dim;
  d.rotated = static_cast<uint32_t>(head_dim * std::clamp(rotated_part, 0.0, 1.0));
  if (experts && *experts > 0) d.experts = *experts, d.experts_used = used.value_or(2);
  return d;
}

Status decoder_keys(const Model& model, Keys& keys) {
  const Dims& d = model.dims;
  const ModelConfig& c = model.config;
  keys.set("block_count", d.layers);
  keys.set("context_length", d.context);
  keys.set("embedding_length", d.embd);
  keys.set("feed_forward_length", d.ff);
  keys.set("attention.head_count", d.heads);
  keys.set("attention.head_count_kv", d.kv_heads);
  keys.set("attention.key_length", d.head_dim);
  keys.set("attention.value_length", d.head_dim);
  keys.set("rope.dimension_count", d.rotated);
  if (d.experts > 0) {
    keys.set("expert_count", d.experts);
    keys.set("expert_used_count", d.experts_used);
  }
  ENGINE_TRY(eps, c.number({"rms_norm_eps"}, 1e-6));
  keys.set("attention.layer_norm_rms_epsilon", static_cast<float>(eps));
  ENGINE_TRY(base, c.number({"rope_theta"}, 10000.0));
  keys.set("rope.freq_base", static_cast<float>(base));

  const std::string type = rope_type(c);
  if (type != "linear" && type != "yarn") return ok;
  const SortedJson& scaling = *c.find({"rope_scaling"});
  ENGINE_TRY(factor, c.number_of(scaling, "factor", std::nullopt));
  keys.set("rope.scaling.type", std::string_view(type));
  keys.set("rope.scaling.factor", static_cast<float>(factor));
  if (type == "linear") return ok;
  ENGINE_TRY(original, c.number_of(scaling, "original_max_position_embeddings", d.context));
  keys.set("rope.scaling.original_context_length", static_cast<uint32_t>(original));
  for (const char* name : {"beta_fast", "beta_slow"})
    if (member(scaling, name) != nullptr) {
      ENGINE_TRY(value, c.number_of(scaling, name, std::nullopt));
      keys.set(std::string("rope.scaling.yarn_") + name, static_cast<float>(value));
    }
  return ok;
}

std::vector<Need> decoder_needs(const Model& model) {
  const Dims& d = model.dims;
  const int64_t embd = d.embd, ff = d.ff, q = int64_t{d.heads} * d.head_dim,
                kv = int64_t{d.kv_heads} * d.head_dim, experts = d.experts;
  std::vector<Need> out = {{"output_norm.weight", embd}};
  for (uint32_t il = 0; il < d.layers; ++il) {
    const auto need = [&](const char* name, int64_t ne0, int64_t ne1 = 0) {
      out.push_back({layer_name(il, name), ne0, ne1});
    };
    need("attn_norm.weight", embd);
    need("attn_q.weight", embd, q);
    need("attn_k.weight", embd, kv);
    need("attn_v.weight", embd, kv);
    need("attn_output.weight", q, embd);
    need("ffn_norm.weight", embd);
    const std::string end = experts > 0 ? "_exps.weight" : ".weight";
    if (experts > 0) need("ffn_gate_inp.weight", embd, experts);
    out.push_back({layer_name(il, "ffn_gate" + end), embd, ff});
    out.push_back({layer_name(il, "ffn_up" + end), embd, ff});
    out.push_back({layer_name(il, "ffn_down" + end), ff, embd});
  }
  return out;
}

}  // namespace engine::convert
