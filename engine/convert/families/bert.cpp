// bert: all-MiniLM, bge, mxbai-embed, arctic-embed, multilingual-e5, bge-m3 (XLM-R); classifiers that rank
// documents.
#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

constexpr NamePair kTop[] = {{"embeddings.word_embeddings", "token_embd"},
                             {"embeddings.token_type_embeddings", "token_types"},
                             {"embeddings.position_embeddings", "position_embd"},
                             {"embeddings.LayerNorm", "token_embd_norm"},
                             {"pooler.dense", "cls"},
                             {"classifier", "cls.output"},
                             // XLM-R has no pooler: its classifier is two matrices.
                             {"classifier.dense", "cls"},
                             {"classifier.out_proj", "cls.output"}};

constexpr NamePair kLayer[] = {{"attention.self.query", "attn_q"},
                               {"attention.self.key", "attn_k"},
                               {"attention.self.value", "attn_v"},
                               {"attention.output.dense", "attn_output"},
                               {"attention.output.LayerNorm", "attn_output_norm"},
                               {"intermediate.dense", "ffn_up"},
                               {"output.dense", "ffn_down"},
                               {"output.LayerNorm", "layer_output_norm"}};

bool ranks(const ModelConfig& config) {
  return config.hf_class().ends_with("ForSequenceClassification");
}

// Positions of the RoBERTa branch begin behind the id of the padding token.
Result<uint32_t> unused_positions(const ModelConfig& config) {
  if (!config.hf_class().starts_with("XLMRoberta") && !config.hf_class().starts_with("Camembert"))
    return 0u;
  ENGINE_TRY(pad, config.count_if_any({"pad_token_id"}, 0));
  return pad.value_or(1) + 1;
}

Result<Dims> dims(const ModelConfig& config) {
  ENGINE_TRY(d, decoder_dims(config));
  ENGINE_TRY(unused, unused_positions(config));
  if (unused >= d.context)
    return config.wrong("\"pad_token_id\" leaves no positions of \"max_position_embeddings\"");
  d.context -= unused;
  const auto is_not = [&](const char* key, std::string_view usual) {
    const std::string value = text_member(config.json(), key);
    return !value.empty() && !value.starts_with(usual);
  };
  if (is_not("position_embedding_type", "absolute") || is_not("hidden_act", "gelu"))
    return Error{Errc::unsupported,
                 "a bert model with relative positions or another activation than gelu is not "
                 "supported"};
  return d;
}

Status keys(const Model& model, Keys& keys) {
  const Dims& d = model.dims;
  const ModelConfig& c = model.config;
  keys.set("block_count", d.layers);
  keys.set("context_length", d.context);
  keys.set("embedding_length", d.embd);
  keys.set("feed_forward_length", d.ff);
  keys.set("attention.head_count", d.heads);
  keys.set("attention.head_count_kv", d.heads);
  ENGINE_TRY(eps, c.number({"layer_norm_eps", "layer_norm_epsilon"}, 1e-12));
  keys.set("attention.layer_norm_epsilon", static_cast<float>(eps));
  keys.set("attention.causal", false);
  ENGINE_TRY(types, c.count({"type_vocab_size"}, 2));
  keys.set_global("tokenizer.ggml.token_type_count", types);
  if (!ranks(c)) return ok;
  keys.set("pooling_type", uint32_t{4});
  std::map<int, std::string> by_number;
  if (const SortedJson* labels = c.find({"id2label"}); labels != nullptr && labels->is_object())
    for (auto it = labels->begin(); it != labels->end(); ++it)
      if (it->is_string()) by_number[std::atoi(it.key().c_str())] = it->get<std::string>();
  std::vector<std::string> names;
  for (const auto& [number, label] : by_number) names.push_back(label);
  if (!names.empty()) keys.set_strings("classifier.output_labels", names);
  return ok;
}

const char* look_up(std::span<const NamePair> pairs, std::string_view name) {
  const auto it = std::ranges::find_if(pairs, [&](const NamePair& p) { return name == p.hf; });
  return it == pairs.end() ? nullptr : it->gguf;
}

// "embeddings.LayerNorm.gamma" to "embeddings.LayerNorm", ".weight".
std::string take_suffix(std::string_view& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "";
  const std::string_view suffix = name.substr(dot);
  name = name.substr(0, dot);
  if (suffix == ".gamma") return ".weight";
  if (suffix == ".beta") return ".bias";
  return std::string(suffix);
}

std::optional<Target> target(const Model& model, std::string_view name) {
  for (const std::string_view prefix : {"bert.", "roberta."})
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  const bool training_head = name.starts_with("cls.") || name.starts_with("lm_head.");
  const bool unused_pooler = name.starts_with("pooler.") && !ranks(model.config);
  if (training_head || unused_pooler || name == "embeddings.position_ids") return Target{};

  const std::string suffix = take_suffix(name);
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  Target out;
  if (const char* top = look_up(kTop, name)) {
    out.name = top + suffix;
    if (name.ends_with("position_embeddings")) out.skip_rows = *unused_positions(model.config);
    return out;
  }
  constexpr std::string_view kLayers = "encoder.layer.";
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  uint32_t layer = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), layer);
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (ec != std::errc() || layer >= model.dims.layers || !name.starts_with('.'))
    return std::nullopt;
  const char* found = look_up(kLayer, name.substr(1));
  if (found == nullptr) return std::nullopt;
  out.name = layer_name(layer, found + suffix);
  return out;
}

std::vector<Need> needs(const Model& model) {
  const Dims& d = model.dims;
  std::vector<Need> out = {{"position_embd.weight", d.embd, d.context},
                           {"token_embd_norm.weight", d.embd},
                           {"token_embd_norm.bias", d.embd}};
  if (ranks(model.config)) out.push_back({"cls.weight", d.embd, d.embd});
  for (uint32_t il = 0; il < d.layers; ++il) {
    const auto need = [&](const char* name, int64_t ne0, int64_t ne1 = 0) {
      out.push_back({layer_name(il, name), ne0, ne1});
    };
    for (const char* matrix :
         {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"})
      need(matrix, d.embd, d.embd);
    for (const char* vector : {"attn_output_norm.weight", "attn_output_norm.bias",
                               "layer_output_norm.weight", "layer_output_norm.bias"})
      need(vector, d.embd);
    need("ffn_up.weight", d.embd, d.ff);
    need("ffn_down.weight", d.ff, d.embd);
  }
  return out;
}

}  // namespace

extern const Family family_bert = {"bert", dims, keys, target, needs};

}  // namespace engine::convert
