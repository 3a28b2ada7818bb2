// PEFT and mlx adapters: names, orientation, the order of rows, scales; and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/core/json_io.h"
#include "gguf/reader.h"
#include "gguf/writer.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/hf_model.h"
#include "tests/support/safetensors_builder.h"

namespace engine::convert {
namespace {

using testing::SafetensorsBuilder;
using testing::write_text;

constexpr const char* kLayer = "base_model.model.model.layers.0.";

std::vector<float> counted(size_t n) {
  std::vector<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(i);
  return out;
}

class ConvertAdapter : public ::testing::Test {
 protected:
  // Embeddings of 6, two heads of 4 over one, 5 words.
  void SetUp() override { write_base("llama"); }
  void write_base(const std::string& arch) {
    gguf::Writer w;
    w.set("general.architecture", std::string_view(arch));
    w.set(arch + ".block_count", uint32_t{1});
    w.set(arch + ".attention.head_count", uint32_t{2});
    w.set(arch + ".attention.head_count_kv", uint32_t{1});
    static const std::vector<float> zeros(64);
    const auto add = [&](const char* name, std::vector<int64_t> ne) {
      w.add_tensor(name, DType::f32, ne,
                   std::as_bytes(std::span(zeros)).first(static_cast<size_t>(4 * ne[0] * ne[1])));
    };
    add("token_embd.weight", {6, 5});
    add("blk.0.attn_q.weight", {6, 8});
    add("blk.0.attn_k.weight", {6, 4});
    add("blk.0.attn_v.weight", {6, 4});
    ASSERT_TRUE(w.write(base_));
  }
  void adapter(SafetensorsBuilder& tensors,
               Json config = {{"peft_type", "LORA"}, {"lora_alpha", 16}},
               const char* file = "adapter_model.safetensors") {
    std::filesystem::remove_all(folder_);
    write_text(folder_ + "/adapter_config.json", dump_json(config));
    write_text(folder_ + "/" + file, tensors.bytes());
  }
  static SafetensorsBuilder query() {
    SafetensorsBuilder b;
    b.add(kLayer + std::string("self_attn.q_proj.lora_A.weight"), "F32", "[2,6]", counted(12));
    b.add(kLayer + std::string("self_attn.q_proj.lora_B.weight"), "F32", "[8,2]", counted(16));
    return b;
  }
  Status convert() {
    ConvertOptions options;
    options.type = OutType::f32;
    return convert_adapter(folder_, base_, out_, options);
  }
  void expect_error(const std::string& part) {
    const Status status = convert();
    ASSERT_FALSE(status) << "no error: " << part;
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
    EXPECT_FALSE(std::filesystem::exists(out_));
  }
  std::vector<float> values(const gguf::File& file, const char* name, std::vector<int64_t> ne) {
    const auto info = file.find(name);
    EXPECT_TRUE(info) << name;
    if (!info) return {};
    EXPECT_EQ(info->ne[0], ne[0]) << name;
    EXPECT_EQ(info->ne[1], ne[1]) << name;
    const auto* data = reinterpret_cast<const float*>(file.view(*info)->data);
    return {data, data + info->elements()};
  }
  gguf::TempDir dir_;
  const std::string base_ = dir_.file("base.gguf"), folder_ = dir_.file("adapter"),
                    out_ = dir_.file("out.gguf");
};

TEST_F(ConvertAdapter, PairsWithTheOutputRowsOfQInOrder) {
  SafetensorsBuilder b = query();
  adapter(b);
  const Status status = convert();
  ASSERT_TRUE(status) << status.error().message;
  auto file = gguf::File::open(out_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->str("general.type"), "adapter");
  EXPECT_EQ(*file->str("adapter.type"), "lora");
  EXPECT_EQ(*file->str("general.architecture"), "llama");
  EXPECT_EQ(*file->f32("adapter.lora.alpha"), 16.0f);
  EXPECT_EQ(*file->u32("llama.attention.head_count"), 2u);
  EXPECT_EQ(values(*file, "blk.0.attn_q.weight.lora_a", {6, 2}), counted(12));
  EXPECT_EQ(values(*file, "blk.0.attn_q.weight.lora_b", {2, 8}),
            (std::vector<float>{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}));
}

TEST_F(ConvertAdapter, OtherFamiliesKeepTheOrder) {
  write_base("qwen2");
  SafetensorsBuilder b = query();
  adapter(b);
  ASSERT_TRUE(convert());
  auto file = gguf::File::open(out_);
  EXPECT_EQ(values(*file, "blk.0.attn_q.weight.lora_b", {2, 8}), counted(16));
}

TEST_F(ConvertAdapter, HalvesByDefault) {
  SafetensorsBuilder b = query();
  adapter(b);
  ASSERT_TRUE(convert_adapter(folder_, base_, out_));
  auto file = gguf::File::open(out_);
  EXPECT_EQ(*file->u32("general.file_type"), 1u);
  EXPECT_EQ(file->find("blk.0.attn_q.weight.lora_a")->dtype, DType::f16);
  ConvertOptions options;
  options.type = OutType::q8_0;
  EXPECT_FALSE(convert_adapter(folder_, base_, out_, options));
}

TEST_F(ConvertAdapter, MlxStoresBothTheOtherWayRound) {
  SafetensorsBuilder b;
  b.add("model.layers.0.self_attn.v_proj.lora_a", "F32", "[6,2]", counted(12));
  b.add("model.layers.0.self_attn.v_proj.lora_b", "F32", "[2,4]", counted(8));
  adapter(b, {{"lora_parameters", {{"rank", 2}, {"scale", 10.0}}}}, "adapters.safetensors");
  const Status status = convert();
  ASSERT_TRUE(status) << status.error().message;
  auto file = gguf::File::open(out_);
  EXPECT_EQ(*file->f32("adapter.lora.alpha"), 20.0f) << "scale times rank";
  EXPECT_EQ(values(*file, "blk.0.attn_v.weight.lora_a", {6, 2}),
            (std::vector<float>{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(values(*file, "blk.0.attn_v.weight.lora_b", {2, 4}),
            (std::vector<float>{0, 4, 1, 5, 2, 6, 3, 7}));
}

TEST_F(ConvertAdapter, EmbeddingsHaveOneRowOfAPerToken) {
  SafetensorsBuilder b;
  b.add("base_model.model.model.embed_tokens.lora_embedding_A", "F32", "[2,5]", counted(10));
  b.add("base_model.model.model.embed_tokens.lora_embedding_B", "F32", "[6,2]", counted(12));
  adapter(b);
  const Status status = convert();
  ASSERT_TRUE(status) << status.error().message;
  auto file = gguf::File::open(out_);
  EXPECT_EQ(values(*file, "token_embd.weight.lora_a", {2, 5}),
            (std::vector<float>{0, 5, 1, 6, 2, 7, 3, 8, 4, 9}));
  EXPECT_EQ(values(*file, "token_embd.weight.lora_b", {2, 6}), counted(12));
}

TEST_F(ConvertAdapter, RankStabilizedScale) {
  SafetensorsBuilder b = query();
  adapter(b, {{"lora_alpha", 16}, {"use_rslora", true}});
  ASSERT_TRUE(convert());
  EXPECT_FLOAT_EQ(*gguf::File::open(out_)->f32("adapter.lora.alpha"), 16 * std::sqrt(2.0f));
}

TEST_F(ConvertAdapter, WhatIsRefused) {
  SafetensorsBuilder b = query();
  adapter(b, {{"peft_type", "IA3"}});
  expect_error("adapters of the type IA3 are not supported");
  adapter(b, {{"lora_alpha", 16}, {"use_dora", true}});
  expect_error("DoRA");
  adapter(b, {{"lora_alpha", 16}, {"modules_to_save", {"lm_head"}}});
  expect_error("\"modules_to_save\" are not supported");
  adapter(b, {{"r", 2}});
  expect_error("\"lora_alpha\" must be a number");
  adapter(b, {{"lora_alpha", 16}}, "adapter_model.bin");
  expect_error("no adapter_model.safetensors");
  std::filesystem::remove(folder_ + "/adapter_config.json");
  expect_error("is no directory of an adapter");
}

TEST_F(ConvertAdapter, TensorsThatDoNotFit) {
  const std::string q = kLayer + std::string("self_attn.q_proj");
  SafetensorsBuilder half;
  half.add(q + ".lora_A.weight", "F32", "[2,6]", counted(12));
  adapter(half);
  expect_error("LoRA tensor pair for 'blk.0.attn_q.weight' is missing one component");
  SafetensorsBuilder odd;
  odd.add(q + ".lora_magnitude", "F32", "[2,6]", counted(12));
  adapter(odd);
  expect_error("has unexpected suffix");
  SafetensorsBuilder unknown;
  unknown.add(kLayer + std::string("self_attn.x_proj.lora_A.weight"), "F32", "[2,6]", counted(12));
  adapter(unknown);
  expect_error("belongs to no tensor of the architecture llama");
  SafetensorsBuilder absent;
  absent.add(kLayer + std::string("mlp.up_proj.lora_A.weight"), "F32", "[2,6]", counted(12));
  absent.add(kLayer + std::string("mlp.up_proj.lora_B.weight"), "F32", "[8,2]", counted(16));
  adapter(absent);
  expect_error("does not exist in base model (hint: maybe wrong base model?)");
  SafetensorsBuilder wide;
  wide.add(q + ".lora_A.weight", "F32", "[2,7]", counted(14));
  wide.add(q + ".lora_B.weight", "F32", "[8,2]", counted(16));
  adapter(wide);
  expect_error("has incorrect shape (hint: maybe wrong base model?)");
  SafetensorsBuilder ranks;
  ranks.add(q + ".lora_A.weight", "F32", "[3,6]", counted(18));
  ranks.add(q + ".lora_B.weight", "F32", "[8,2]", counted(16));
  adapter(ranks);
  expect_error("has incorrect shape");
  SafetensorsBuilder none;
  none.add("__x", "F32", "[0]", std::vector<float>{});
  adapter(none);
  expect_error("has unexpected suffix");
  SafetensorsBuilder b = query();
  adapter(b);
  write_base("bloom");
  expect_error("unsupported architecture \"bloom\"");
}

}  // namespace
}  // namespace engine::convert
