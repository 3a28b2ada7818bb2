// A family of models: how its tensors are called in GGUF files, which there must be, and what its
// configuration means. One file per family in families/, one line per Hugging Face class in
// families.inc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/convert/model_config.h"
#include "engine/convert/new_tensor.h"
#include "engine/convert/tokenizer.h"
#include "gguf/writer.h"

namespace engine::convert {

struct Dims {
  uint32_t layers = 0, context = 0, embd = 0, ff = 0;
  uint32_t heads = 0, kv_heads = 0, head_dim = 0;
  uint32_t rotated = 0;  // elements of a head that RoPE turns; 0: no RoPE
  uint32_t experts = 0, experts_used = 0;
};

struct Model {
  ModelConfig config;
  Dims dims;
};

// What becomes of one tensor of the checkpoint.
struct Target {
  std::string name;       // with its ".weight" or ".bias"; "": left out
  int64_t heads = 0;      // see Part::heads
  float add = 0;          // see NewTensor::add
  int64_t skip_rows = 0;  // rows at the front that are left out
  int64_t expert = -1;    // >= 0: a slice of the tensor `name`, which holds one per expert
};

// A tensor that there must be, with its extents; ne1 0: a vector.
struct Need {
  std::string name;
  int64_t ne0, ne1 = 0;
};

// Sets keys with the architecture in front.
class Keys {
 public:
  Keys(gguf::Writer& writer, std::string arch) : writer_(writer), arch_(std::move(arch)) {}
  template <class T>
  void set(std::string_view name, const T& value) {
    writer_.set(arch_ + "." + std::string(name), value);
  }
  template <class T>
  void set_array(std::string_view name, const std::vector<T>& values) {
    writer_.set_array(arch_ + "." + std::string(name), values);
  }
  void set_strings(std::string_view name, const std::vector<std::string>& values) {
    writer_.set_array(arch_ + "." + std::string(name), std::span<const std::string>(values));
  }
  // A key of the whole file, without the architecture.
  template <class T>
  void set_global(std::string_view name, const T& value) {
    writer_.set(name, value);
  }

 private:
  gguf::Writer& writer_;
  std::string arch_;
};

struct Family {
  const char* arch;  // general.architecture
  Result<Dims> (*dims)(const ModelConfig& config);
  Status (*keys)(const Model& model, Keys& keys);
  // nullopt: no tensor of this family.
  std::optional<Target> (*target)(const Model& model, std::string_view name);
  std::vector<Need> (*needs)(const Model& model);
  // Tensors that are computed from the configuration; nullptr: none.
  Status (*computed)(const Model& model, std::vector<NewTensor>& tensors) = nullptr;
  // The embedding has rows that the tokenizer does not know: they are left out, rather than the
  // vocabulary filled up.
  bool cut_embedding = false;
};

// nullptr: families.inc has no such class.
const Family* find_family(std::string_view hf_class);
// By general.architecture; nullptr: none.
const Family* find_family_of_arch(std::string_view arch);
std::string family_list();  // "LlamaForCausalLM, ...", for messages

// Decoders.

struct NamePair {
  const char *hf, *gguf;  // without layer and suffix: "self_attn.q_proj", "attn_q"
};

// The sizes that all decoders give under the same names.
Result<Dims> decoder_dims(const ModelConfig& config);
// Sizes, eps, RoPE base and scaling (linear, yarn) under the common keys.
Status decoder_keys(const Model& model, Keys& keys);
// "model.layers.3.self_attn.q_proj.weight" to "blk.3.attn_q.weight"; `own` comes before the names
// that all share. nullopt: neither knows it.
std::optional<Target> decoder_target(const Model& model, std::string_view name,
                                     std::span<const NamePair> own = {});
// Embedding, norms and matrices of attention and gated feed-forward.
std::vector<Need> decoder_needs(const Model& model);
// "blk.N." in front of the name of a layer's tensor.
std::string layer_name(uint32_t layer, std::string_view name);
// Sets Target::heads of Q and K, weights and biases.
void interleave_heads(const Model& model, Target& target);

// Rotary scaling.

// rope_scaling: its type ("linear", "yarn", "llama3", "longrope", ...); "" without scaling.
std::string rope_type(const ModelConfig& config);
// rope_freqs.weight of the type llama3; nothing for others.
Status add_llama3_factors(const Model& model, std::vector<NewTensor>& tensors);

// 1_Pooling and 2_Normalize of sentence-transformers, named by modules.json.
struct Pooling {
  std::optional<uint32_t> type;  // 1 mean, 2 cls, 3 last
  bool normalize = false;
};
// Errc::unsupported: another way of pooling.
Result<Pooling> read_pooling(const std::string& dir);

}  // namespace engine::convert
