// The directory of the Hugging Face hub that a GGUF model could have been made of: names, orders of
// rows and offsets of norms are taken back. Written from the descriptions of both forms, without
// looking at the conversion.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "gguf/reader.h"

namespace engine::testing {

void write_text(const std::string& path, std::string_view text);

// A tensor of the checkpoint: little-endian bytes, PyTorch's order of axes.
struct HfTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

// hf_class: "LlamaForCausalLM", ...
// Errors: unsupported for tensors that are not f32, f16 or bf16, and what gguf::File has to say of
// keys.
Result<std::vector<HfTensor>> hf_tensors(const gguf::File& model, const std::string& hf_class);
// Keys that a file may leave out have their defaults.
Result<Json> hf_config(const gguf::File& model, const std::string& hf_class);

// model.safetensors, or shards with their index.
void write_hf_weights(const std::vector<HfTensor>& tensors, const std::string& dir, int shards);
// Weights, config.json and a tokenizer of as many words as the model has.
Status write_hf_model(const gguf::File& model, const std::string& hf_class, const std::string& dir,
                      int shards = 1);
// A tokenizer.json of n words without any meaning.
void write_word_tokenizer(const std::string& dir, int n);

}  // namespace engine::testing
