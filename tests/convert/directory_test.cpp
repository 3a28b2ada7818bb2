// Directories that are not complete, contradict themselves or hold something else: one clear error
// each, and no file left behind.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/convert/model_config.h"
#include "engine/core/json_io.h"
#include "gguf/reader.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/hf_model.h"

namespace engine::convert {
namespace {

using testing::HfTensor;
using testing::write_text;

// Two layers of width 8, two heads over one, six words.
constexpr int kEmbd = 8, kFf = 12, kWords = 6;

HfTensor tensor(const std::string& name, std::vector<int64_t> shape, float value = 0.5f) {
  int64_t n = 1;
  for (const int64_t e : shape) n *= e;
  const std::vector<float> values(static_cast<size_t>(n), value);
  return {name, "F32", std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4)};
}

std::vector<HfTensor> tiny_tensors() {
  std::vector<HfTensor> out = {tensor("model.embed_tokens.weight", {kWords, kEmbd}),
                               tensor("model.norm.weight", {kEmbd})};
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    const std::string p = layer;
    out.push_back(tensor(p + "input_layernorm.weight", {kEmbd}));
    out.push_back(tensor(p + "self_attn.q_proj.weight", {8, kEmbd}));
    out.push_back(tensor(p + "self_attn.k_proj.weight", {4, kEmbd}));
    out.push_back(tensor(p + "self_attn.v_proj.weight", {4, kEmbd}));
    out.push_back(tensor(p + "self_attn.o_proj.weight", {kEmbd, 8}));
    out.push_back(tensor(p + "post_attention_layernorm.weight", {kEmbd}));
    out.push_back(tensor(p + "mlp.gate_proj.weight", {kFf, kEmbd}));
    out.push_back(tensor(p + "mlp.up_proj.weight", {kFf, kEmbd}));
    out.push_back(tensor(p + "mlp.down_proj.weight", {kEmbd, kFf}));
  }
  return out;
}

Json tiny_config() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"num_hidden_layers", 2},
          {"max_position_embeddings", 64},
          {"hidden_size", kEmbd},
          {"intermediate_size", kFf},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"rms_norm_eps", 1e-5}};
}

class ConvertDirectory : public ::testing::Test {
 protected:
  void SetUp() override { write(tiny_tensors(), tiny_config()); }
  void write(const std::vector<HfTensor>& tensors, const Json& config, int shards = 1) {
    std::filesystem::remove_all(model_);
    testing::write_hf_weights(tensors, model_, shards);
    write_text(model_ + "/config.json", dump_json(config));
    testing::write_word_tokenizer(model_, kWords);
  }
  void write_config(const Json& config) { write_text(model_ + "/config.json", dump_json(config)); }
  Status convert(ConvertOptions options = {}) { return convert_directory(model_, out_, options); }
  void expect_error(const std::string& part, Errc code) {
    const Status status = convert();
    ASSERT_FALSE(status) << "no error: " << part;
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
    EXPECT_EQ(status.error().code, code) << status.error().message;
    EXPECT_FALSE(std::filesystem::exists(out_));
    EXPECT_FALSE(std::filesystem::exists(out_ + ".tmp"));
  }
  gguf::TempDir dir_;
  const std::string model_ = dir_.file("my-model"), out_ = dir_.file("out.gguf");
};

TEST_F(ConvertDirectory, ATinyModel) {
  const Status status = convert();
  ASSERT_TRUE(status) << status.error().message;
  auto file = gguf::File::open(out_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->str("general.architecture"), "llama");
  EXPECT_EQ(*file->str("general.name"), "my-model");
  EXPECT_EQ(*file->u32("llama.rope.dimension_count"), 4u);
  EXPECT_EQ(*file->u32("llama.vocab_size"), 6u);
  EXPECT_EQ(file->find("token_embd.weight")->dtype, DType::f16);
  EXPECT_EQ(file->tensors().size(), 20u);
}

TEST_F(ConvertDirectory, AFileOfTheNameIsReplacedOnlyByACompleteOne) {
  write_text(out_, "old");
  std::filesystem::remove(model_ + "/tokenizer.json");
  ASSERT_FALSE(convert());
  EXPECT_EQ(std::filesystem::file_size(out_), 3u);
  testing::write_word_tokenizer(model_, kWords);
  ConvertOptions options;
  options.progress = [](int64_t, int64_t) { return false; };
  const Status stopped = convert(options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_EQ(std::filesystem::file_size(out_), 3u);
  EXPECT_FALSE(std::filesystem::exists(out_ + ".tmp"));
  ASSERT_TRUE(convert());
  EXPECT_GT(std::filesystem::file_size(out_), 1000u);
}

TEST_F(ConvertDirectory, NoModel) {
  std::filesystem::remove(model_ + "/config.json");
  expect_error("config.json is missing", Errc::not_found);
  write_text(model_ + "/config.json", "{\"architectures\":");
  expect_error("invalid JSON", Errc::corrupt);
  write_config({{"hidden_size", 8}});
  expect_error("unknown architecture", Errc::unsupported);
  Json config = tiny_config();
  config["architectures"] = {"BloomForCausalLM"};
  write_config(config);
  expect_error("unsupported architecture \"BloomForCausalLM\"; these can be converted: Llama",
               Errc::unsupported);
  config = tiny_config();
  config["quantization_config"] = {{"quant_method", "gptq"}};
  write_config(config);
  expect_error("the weights are quantized by gptq; convert the original model", Errc::unsupported);
}

TEST_F(ConvertDirectory, NumbersOfTheConfiguration) {
  const auto with = [&](const char* key, Json value) {
    Json config = tiny_config();
    config[key] = std::move(value);
    write_config(config);
  };
  with("hidden_size", nullptr);
  expect_error("\"hidden_size\" is missing", Errc::corrupt);
  with("hidden_size", "8");
  expect_error("\"hidden_size\" must be a whole number from 1", Errc::corrupt);
  with("num_hidden_layers", 0);
  expect_error("\"num_hidden_layers\" must be a whole number", Errc::corrupt);
  with("num_hidden_layers", 100000);
  expect_error("at most 512", Errc::corrupt);
  with("num_hidden_layers", 2.5);
  expect_error("\"num_hidden_layers\" must be a whole number", Errc::corrupt);
  with("num_attention_heads", -1);
  expect_error("\"num_attention_heads\" must be a whole number", Errc::corrupt);
  with("num_key_value_heads", 3);
  expect_error("2 attention heads cannot share 3 key-value heads", Errc::corrupt);
  with("head_dim", 1000000);
  expect_error("\"head_dim\" is 1000000", Errc::corrupt);
  with("rope_theta", "big");
  expect_error("\"rope_theta\" must be a number", Errc::corrupt);
  with("rope_scaling", {{"rope_type", "linear"}});
  expect_error("\"factor\" must be a number", Errc::corrupt);
  with("rope_scaling", {{"rope_type", "spiral"}});
  expect_error("rope_scaling of the type spiral", Errc::unsupported);
  write_text(
      model_ + "/config.json",
      R"({"architectures":["LlamaForCausalLM"],"note":"NaN \" Infinity","x":NaN,"y":-Infinity,)"
      R"("num_hidden_layers":2,"max_position_embeddings":64,"hidden_size":8,"intermediate_size":12,)"
      R"("num_attention_heads":2,"num_key_value_heads":1})");
  EXPECT_TRUE(convert()) << "literals that Python writes are no errors";
}

TEST_F(ConvertDirectory, TensorsThatAreMissingUnknownOrOfAnotherShape) {
  std::vector<HfTensor> tensors = tiny_tensors();
  tensors.erase(tensors.begin() + 4);
  write(tensors, tiny_config());
  expect_error("missing tensor 'blk.0.attn_k.weight'", Errc::corrupt);
  tensors = tiny_tensors();
  tensors.erase(tensors.begin());
  write(tensors, tiny_config());
  expect_error("the embedding of the tokens", Errc::corrupt);
  tensors = tiny_tensors();
  tensors.push_back(tensor("model.layers.0.self_attn.secret.weight", {2}));
  write(tensors, tiny_config());
  expect_error("tensor 'model.layers.0.self_attn.secret.weight' is not known", Errc::unsupported);
  tensors.back() = tensor("model.layers.7.self_attn.q_proj.weight", {8, kEmbd});
  write(tensors, tiny_config());
  expect_error("is not known", Errc::unsupported);
  tensors.back() = tensor("model.layers.0.self_attn.rotary_emb.inv_freq", {2});
  write(tensors, tiny_config());
  EXPECT_TRUE(convert()) << "tables that can be computed are left out";
  std::filesystem::remove(out_);
  tensors = tiny_tensors();
  tensors[5] = tensor(tensors[5].name, {8, kEmbd});
  write(tensors, tiny_config());
  expect_error("tensor 'blk.0.attn_v.weight' has wrong shape; expected 8 x 4, got 8 x 8",
               Errc::corrupt);
  tensors = tiny_tensors();
  tensors[3] = tensor(tensors[3].name, {6, kEmbd});
  write(tensors, tiny_config());
  expect_error("has 6 rows, which 2 heads cannot share", Errc::corrupt);
  tensors = tiny_tensors();
  tensors[3].dtype = "I32";
  write(tensors, tiny_config());
  expect_error("has the type I32", Errc::unsupported);
  tensors = tiny_tensors();
  tensors.push_back(tensor("lm_head.weight", {kWords + 1, kEmbd}));
  write(tensors, tiny_config());
  expect_error("tensor 'output.weight' has wrong shape; expected 8 x 6", Errc::corrupt);
  Json untied = tiny_config();
  untied["tie_word_embeddings"] = false;
  write(tiny_tensors(), untied);
  expect_error("missing tensor 'lm_head.weight'", Errc::corrupt);
}

TEST_F(ConvertDirectory, AHeadThatIsTheEmbeddingIsNotStoredTwice) {
  std::vector<HfTensor> tensors = tiny_tensors();
  tensors.push_back(tensor("lm_head.weight", {kWords, kEmbd}));
  Json config = tiny_config();
  config["tie_word_embeddings"] = true;
  write(tensors, config);
  ASSERT_TRUE(convert());
  EXPECT_FALSE(gguf::File::open(out_)->find("output.weight"));
}

TEST_F(ConvertDirectory, Shards) {
  write(tiny_tensors(), tiny_config(), 3);
  ASSERT_TRUE(convert());
  std::filesystem::remove(out_);
  const std::string second = model_ + "/model-00002-of-00003.safetensors",
                    index = model_ + "/model.safetensors.index.json";
  std::filesystem::copy_file(model_ + "/model-00001-of-00003.safetensors", second,
                             std::filesystem::copy_options::overwrite_existing);
  expect_error("stands in another file, too", Errc::corrupt);
  std::filesystem::remove(second);
  expect_error("model-00002-of-00003.safetensors is missing", Errc::not_found);
  write(tiny_tensors(), tiny_config(), 3);
  write_text(index, R"({"weight_map":{"a":"../secret.safetensors"}})");
  expect_error("must name a .safetensors file of this directory", Errc::corrupt);
  write_text(index, R"({"weight_map":{}})");
  expect_error("\"weight_map\" is missing", Errc::corrupt);
  write_text(index, R"({"weight_map":{"ghost":"model-00001-of-00003.safetensors"}})");
  expect_error("tensor 'ghost' should be in model-00001", Errc::corrupt);
  std::filesystem::remove(index);
  EXPECT_TRUE(convert()) << "without an index all files of the name count";
}

TEST_F(ConvertDirectory, WeightsInAnotherForm) {
  std::filesystem::remove(model_ + "/model.safetensors");
  expect_error("expected model.safetensors", Errc::not_found);
  write_text(model_ + "/pytorch_model.bin", "x");
  expect_error("safe_serialization=True", Errc::not_found);
  write_text(model_ + "/consolidated.safetensors", "x");
  expect_error("the original form of the vendor", Errc::not_found);
  write_text(model_ + "/model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  expect_error("git lfs pull", Errc::corrupt);
}

TEST_F(ConvertDirectory, VocabulariesOfAnotherSize) {
  testing::write_word_tokenizer(model_, kWords - 2);
  ASSERT_TRUE(convert());
  auto file = gguf::File::open(out_);
  std::vector<std::string_view> tokens = file->strs("tokenizer.ggml.tokens")->to_vector();
  ASSERT_EQ(tokens.size(), 6u);
  EXPECT_EQ(tokens[5], "[PAD5]");
  testing::write_word_tokenizer(model_, kWords + 2);
  ASSERT_TRUE(convert());
  EXPECT_EQ(gguf::File::open(out_)->strs("tokenizer.ggml.tokens")->size(), 6u);
}

TEST_F(ConvertDirectory, Llama3FactorsOfRope) {
  Json config = tiny_config();
  config["rope_theta"] = 500000.0;
  config["head_dim"] = 4;
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  write_config(config);
  ASSERT_TRUE(convert());
  auto file = gguf::File::open(out_);
  const auto info = file->find("rope_freqs.weight");
  ASSERT_TRUE(info);
  ASSERT_EQ(info->ne[0], 2);
  const auto* factors = reinterpret_cast<const float*>(file->view(*info)->data);
  EXPECT_EQ(factors[0], 1.0f) << "a short wave";
  // 2 pi sqrt(500000) = 4442.9 lies between 8192 / 4 and 8192: (8192 / 4442.9 - 1) / 3 = 0.281275.
  EXPECT_NEAR(factors[1], 1 / ((1 - 0.281275) / 8 + 0.281275), 1e-4);
  EXPECT_FALSE(file->has("llama.rope.scaling.type"));
  config["rope_scaling"]["high_freq_factor"] = 0.5;
  write_config(config);
  std::filesystem::remove(out_);
  expect_error("factors that make no sense", Errc::corrupt);
}

TEST_F(ConvertDirectory, F8WithScales) {
  std::vector<HfTensor> tensors = tiny_tensors();
  tensors[3].dtype = "F8_E4M3";
  tensors[3].bytes = std::string(64, '\x38');
  HfTensor scale = tensor("model.layers.0.self_attn.q_proj.weight_scale_inv", {1, 1}, 3.0f);
  tensors.push_back(scale);
  write(tensors, tiny_config());
  ASSERT_TRUE(convert());
  auto file = gguf::File::open(out_);
  const auto info = file->find("blk.0.attn_q.weight");
  EXPECT_EQ(info->dtype, DType::bf16);
  EXPECT_EQ(static_cast<int>(file->view(*info)->data[1]), 0x40) << "3.0";
  tensors.back() = tensor(scale.name, {5, 1}, 3.0f);
  write(tensors, tiny_config());
  std::filesystem::remove(out_);
  expect_error("has 5 scales; 1, 8 or 1 would fit", Errc::corrupt);
}

TEST_F(ConvertDirectory, NewerRopeParametersAndTextPartsAreRead) {
  Json text = tiny_config();
  text["rope_parameters"] = {
      {"full_attention", {{"rope_theta", 7.0}, {"rope_type", "linear"}, {"factor", 8.0}}},
      {"sliding_attention", {{"rope_theta", 3.0}, {"rope_type", "default"}}}};
  write_config({{"architectures", {"Gemma3ForConditionalGeneration"}}, {"text_config", text}});
  auto config = ModelConfig::read(model_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->hf_class(), "Gemma3ForConditionalGeneration");
  EXPECT_EQ(*config->count({"hidden_size"}), 8u);
  EXPECT_EQ(*config->number({"rope_theta"}), 7.0);
  EXPECT_EQ(*config->number({"rope_local_base_freq"}), 3.0);
  ASSERT_NE(config->find({"rope_scaling"}), nullptr);
  EXPECT_EQ(*config->number_of(*config->find({"rope_scaling"}), "factor", {}), 8.0);
}

}  // namespace
}  // namespace engine::convert
