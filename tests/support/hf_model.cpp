#include "tests/support/hf_model.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/support/safetensors_builder.h"

namespace engine::testing {
namespace {

const std::pair<const char*, const char*> kNames[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "block_sparse_moe.gate"},
    {"post_ffw_norm", "post_feedforward_layernorm"}};

// Both mean the norm in front of the feed-forward.
std::string norm_name(const std::string& name, bool gemma) {
  if (name == "ffn_norm") return gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  return name == "post_attention_norm" ? "post_attention_layernorm" : "";
}

std::string hf_name(const std::string& gguf_name, const std::string& hf_class) {
  const size_t dot = gguf_name.rfind('.');
  const std::string stem = gguf_name.substr(0, dot), suffix = gguf_name.substr(dot);
  if (stem == "token_embd") return "model.embed_tokens" + suffix;
  if (stem == "output_norm") return "model.norm" + suffix;
  if (stem == "output") return "lm_head" + suffix;
  if (!stem.starts_with("blk.")) return "";
  const size_t after = stem.find('.', 4);
  const std::string layer = "model.layers." + stem.substr(4, after - 4) + ".",
                    part = stem.substr(after + 1);
  std::string name = norm_name(part, hf_class.starts_with("Gemma"));
  for (const auto& [gguf, hf] : kNames)
    if (part == gguf) name = hf;
  if (hf_class == "Phi3ForCausalLM" && part == "ffn_up") name = "mlp.gate_up_proj";
  return name.empty() ? "" : layer + name + suffix;
}

// Rows of pairs (0, d/2, 1, d/2 + 1, ...) back to halves.
std::string halves(const std::string& bytes, size_t rows, size_t heads) {
  const size_t row = bytes.size() / rows, d = rows / heads;
  std::string out(bytes.size(), '\0');
  for (size_t h = 0; h < heads; ++h)
    for (size_t j = 0; j < d / 2; ++j)
      for (size_t b = 0; b < 2; ++b)
        std::memcpy(&out[(h * d + b * (d / 2) + j) * row], &bytes[(h * d + 2 * j + b) * row], row);
  return out;
}

void subtract_one(std::string& bytes) {
  for (size_t at = 0; at < bytes.size(); at += 4) {
    float v;
    std::memcpy(&v, &bytes[at], 4);
    v -= 1;
    std::memcpy(&bytes[at], &v, 4);
  }
}

Result<HfTensor> read_tensor(const gguf::File& file, const gguf::TensorInfo& info) {
  ENGINE_TRY(view, file.view(info));
  HfTensor t;
  switch (info.dtype) {
    case DType::f32:
      t.dtype = "F32";
      break;
    case DType::f16:
      t.dtype = "F16";
      break;
    case DType::bf16:
      t.dtype = "BF16";
      break;
    default:
      return Error{Errc::unsupported, std::string(info.name) + " has the type " +
                                          traits(info.dtype).name + ", not f32, f16 or bf16"};
  }
  for (int i = info.rank; i-- > 0;) t.shape.push_back(info.ne[i]);
  t.bytes.assign(reinterpret_cast<const char*>(view.data), view.bytes());
  return t;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "[";
  for (const int64_t n : shape) out += (out.size() > 1 ? "," : "") + std::to_string(n);
  return out + "]";
}

// blk.N.ffn_gate_exps.weight, one tensor per expert.
void add_experts(const HfTensor& all, const std::string& gguf_name, std::vector<HfTensor>& out) {
  const size_t after = gguf_name.find('.', 4), experts = static_cast<size_t>(all.shape[0]),
               bytes = all.bytes.size() / experts;
  const char* w = gguf_name.find("gate") != std::string::npos   ? "w1"
                  : gguf_name.find("down") != std::string::npos ? "w2"
                                                                : "w3";
  for (size_t x = 0; x < experts; ++x)
    out.push_back({"model.layers." + gguf_name.substr(4, after - 4) + ".block_sparse_moe.experts." +
                       std::to_string(x) + "." + w + ".weight",
                   all.dtype,
                   {all.shape[1], all.shape[2]},
                   all.bytes.substr(x * bytes, bytes)});
}

// Q, K and V of phi3 stand in one matrix.
void fuse_qkv(std::vector<HfTensor>& tensors) {
  std::map<std::string, HfTensor> by_name;
  for (HfTensor& t : tensors) by_name[t.name] = t;
  std::vector<HfTensor> out;
  for (const HfTensor& t : tensors) {
    const size_t q = t.name.find("q_proj"), k = t.name.find("k_proj"), v = t.name.find("v_proj");
    if (k != std::string::npos || v != std::string::npos) continue;
    out.push_back(t);
    if (q == std::string::npos) continue;
    const std::string front = t.name.substr(0, q), end = t.name.substr(q + 6);
    out.back().name = front + "qkv_proj" + end;
    for (const char* other : {"k_proj", "v_proj"}) {
      const HfTensor& more = by_name[front + other + end];
      out.back().bytes += more.bytes;
      out.back().shape[0] += more.shape[0];
    }
  }
  tensors = std::move(out);
}

}  // namespace

void write_text(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary).write(text.data(), std::ssize(text));
}

Result<std::vector<HfTensor>> hf_tensors(const gguf::File& model, const std::string& hf_class) {
  ENGINE_TRY(arch_text, model.str("general.architecture"));
  const std::string arch(arch_text);
  const bool permuted = arch == "llama";
  ENGINE_TRY(heads, model.u32(arch + ".attention.head_count"));
  ENGINE_TRY(heads_kv, model.u32(arch + ".attention.head_count_kv", heads));
  std::vector<HfTensor> out;
  for (const gguf::TensorInfo& info : model.tensors()) {
    const std::string name(info.name);
    ENGINE_TRY(t, read_tensor(model, info));
    if (name.find("_exps.") != std::string::npos) {
      add_experts(t, name, out);
      continue;
    }
    t.name = hf_name(name, hf_class);
    if (t.name.empty()) continue;
    const bool q = name.find(".attn_q.") != std::string::npos,
               k = name.find(".attn_k.") != std::string::npos;
    if (permuted && (q || k))
      t.bytes = halves(t.bytes, static_cast<size_t>(t.shape[0]), q ? heads : heads_kv);
    if (arch == "gemma3" && name.ends_with("norm.weight")) subtract_one(t.bytes);
    out.push_back(std::move(t));
  }
  if (arch == "phi3") fuse_qkv(out);
  return out;
}

Result<Json> hf_config(const gguf::File& model, const std::string& hf_class) {
  ENGINE_TRY(arch_text, model.str("general.architecture"));
  const std::string arch(arch_text);
  Json c = {{"architectures", {hf_class}},
            {"tie_word_embeddings", !model.find("output.weight").has_value()}};
  ENGINE_TRY(n_embd, model.u32(arch + ".embedding_length"));
  ENGINE_TRY(n_head, model.u32(arch + ".attention.head_count"));
  if (n_head == 0) return Error{Errc::corrupt, arch + ".attention.head_count is 0"};
  c["hidden_size"] = n_embd;
  c["num_attention_heads"] = n_head;
  constexpr struct {
    const char *gguf, *hf;
  } kNumbers[] = {{"block_count", "num_hidden_layers"},
                  {"context_length", "max_position_embeddings"},
                  {"feed_forward_length", "intermediate_size"}};
  for (const auto& [gguf, hf] : kNumbers) {
    ENGINE_TRY(number, model.u32(arch + "." + gguf));
    c[hf] = number;
  }
  ENGINE_TRY(heads_kv, model.u32(arch + ".attention.head_count_kv", n_head));
  ENGINE_TRY(head_dim, model.u32(arch + ".attention.key_length", n_embd / n_head));
  ENGINE_TRY(eps, model.f32(arch + ".attention.layer_norm_rms_epsilon"));
  ENGINE_TRY(theta, model.f32(arch + ".rope.freq_base", 10000.0f));
  c["num_key_value_heads"] = heads_kv;
  c["head_dim"] = head_dim;
  c["rms_norm_eps"] = eps;
  c["rope_theta"] = theta;
  if (model.has(arch + ".rope.scaling.type")) {
    ENGINE_TRY(type, model.str(arch + ".rope.scaling.type"));
    ENGINE_TRY(factor, model.f32(arch + ".rope.scaling.factor"));
    c["rope_scaling"] = {{"rope_type", std::string(type)}, {"factor", factor}};
    const std::string original = arch + ".rope.scaling.original_context_length";
    if (model.has(original)) {
      ENGINE_TRY(length, model.u32(original));
      c["rope_scaling"]["original_max_position_embeddings"] = length;
    }
  }
  if (model.has(arch + ".expert_count")) {
    ENGINE_TRY(experts, model.u32(arch + ".expert_count"));
    ENGINE_TRY(used, model.u32(arch + ".expert_used_count"));
    c["num_local_experts"] = experts;
    c["num_experts_per_tok"] = used;
  }
  if (arch == "gemma3") {
    ENGINE_TRY(window, model.u32(arch + ".attention.sliding_window"));
    ENGINE_TRY(local, model.f32(arch + ".rope.freq_base_swa"));
    ENGINE_TRY(pattern, model.u32s(arch + ".attention.sliding_window_pattern"));
    c["sliding_window"] = window;
    c["rope_local_base_freq"] = local;
    c["layer_types"] = Json::array();
    for (const uint32_t windowed : pattern)
      c["layer_types"].push_back(windowed ? "sliding_attention" : "full_attention");
  }
  return c;
}

void write_hf_weights(const std::vector<HfTensor>& tensors, const std::string& dir, int shards) {
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  std::vector<SafetensorsBuilder> files(static_cast<size_t>(shards));
  const auto name_of = [&](size_t i) {
    return shards == 1 ? std::string("model.safetensors")
                       : "model-0000" + std::to_string(i + 1) + "-of-0000" +
                             std::to_string(shards) + ".safetensors";
  };
  for (size_t i = 0; i < tensors.size(); ++i) {
    const HfTensor& t = tensors[i];
    const size_t file = i % files.size();
    files[file].add(t.name, t.dtype, shape_text(t.shape), t.bytes);
    index["weight_map"][t.name] = name_of(file);
  }
  for (size_t i = 0; i < files.size(); ++i) write_text(dir + "/" + name_of(i), files[i].bytes());
  if (shards > 1) write_text(dir + "/model.safetensors.index.json", dump_json(index));
}

void write_word_tokenizer(const std::string& dir, int n) {
  Json vocab = Json::object();
  for (int i = 0; i < n; ++i) vocab["tok_" + std::to_string(i)] = i;
  const Json json = {{"version", "1.0"},
                     {"added_tokens", Json::array()},
                     {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                     {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"t o"}}}}};
  write_text(dir + "/tokenizer.json", dump_json(json));
}

Status write_hf_model(const gguf::File& model, const std::string& hf_class, const std::string& dir,
                      int shards) {
  ENGINE_TRY(tensors, hf_tensors(model, hf_class));
  ENGINE_TRY(config, hf_config(model, hf_class));
  const auto embedding = model.find("token_embd.weight");
  if (!embedding) return Error{Errc::corrupt, "token_embd.weight is missing"};
  write_hf_weights(tensors, dir, shards);
  write_text(dir + "/config.json", dump_json(config, 2));
  write_word_tokenizer(dir, static_cast<int>(embedding->ne[1]));
  return ok;
}

}  // namespace engine::testing
