// Models with adapters: the same as the model whose weights were merged, with the equality rules of
// every other model.
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/run/embed.h"
#include "tests/golden/golden.h"
#include "tests/golden/merged.h"
#include "tests/support/tiny_encoder.h"
#include "tests/support/tiny_lora.h"
#include "tests/support/tiny_model.h"

namespace engine::golden {
namespace {

using engine::testing::TinyEncoder;
using engine::testing::TinyLora;
using engine::testing::TinyModel;

constexpr int kContext = 256;

class LoraTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/engine_lora_test_XXXXXX";
    folder_ = mkdtemp(folder);
    for (Token t = 0; t < 40; ++t) tokens_.push_back(40 + t * 37 % 200);
  }
  void TearDown() override {
    unsetenv("ENGINE_ISA");
    unsetenv("ENGINE_VERIFY");
    std::filesystem::remove_all(folder_);
  }

  std::string write_base(const TinyModel& options = {}) {
    const std::string path = folder_ + "/base.gguf";
    const Status written = engine::testing::write_tiny_model(path, options);
    EXPECT_TRUE(written) << written.error().message;
    return path;
  }
  LoraFile write_lora(const std::string& base, const TinyLora& options = {}, float scale = 1) {
    const std::string path = folder_ + "/lora" + std::to_string(options.seed) + ".gguf";
    const Status written = engine::testing::write_tiny_lora(path, base, options);
    EXPECT_TRUE(written) << written.error().message;
    return {path, scale};
  }
  std::vector<float> merged_logits(const std::string& base, const std::vector<LoraFile>& adapters) {
    auto file = gguf::File::open(base);
    EXPECT_TRUE(file);
    std::vector<gguf::File> open;
    for (const LoraFile& lora : adapters) open.push_back(std::move(*gguf::File::open(lora.path)));
    std::vector<std::pair<const gguf::File*, float>> scaled;
    for (size_t i = 0; i < open.size(); ++i) scaled.emplace_back(&open[i], adapters[i].scale);
    const auto bytes = std::make_shared<std::vector<std::byte>>(merged_model(*file, scaled));
    auto model = Model::load(std::move(*gguf::File::parse(*bytes)), bytes,
                             {.n_ctx = kContext, .reference = true}, *pool_);
    EXPECT_TRUE(model) << model.error().message;
    return model ? logits(**model, tokens_, 512) : std::vector<float>();
  }
  std::vector<float> logits_of(const std::string& base, LoadOptions options, int chunk = 512) {
    options.n_ctx = kContext;
    auto model = load(base, *pool_, std::move(options));
    return model ? logits(*model, tokens_, chunk) : std::vector<float>();
  }
  // Reference mode is the merged model, but for keys and values that round to another half; with the kernels it is as near as the base alone is to its
  // own reference.
  void expect_merged(const std::string& base, const std::vector<LoraFile>& adapters) {
    const std::vector<float> want = merged_logits(base, adapters),
                             plain = logits_of(base, {.reference = true});
    ASSERT_EQ(want.size(), plain.size());
    ASSERT_GT(nmse(plain, want), 1e-3) << "the adapter changes something";
    EXPECT_LE(nmse(logits_of(base, {.reference = true, .adapters = adapters}), want), 1e-7);
    const double own = nmse(logits_of(base, {}), plain);
    EXPECT_LE(nmse(logits_of(base, {.adapters = adapters}), want), 10 * own + 1e-7);
  }

  std::string folder_;
  std::vector<Token> tokens_;
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);
};

TEST_F(LoraTest, every_product_of_a_model_with_an_adapter_is_that_of_the_merged_model) {
  for (const char* arch : {"llama", "qwen2"})
    for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_1})
      for (const bool half : {false, true}) {
        SCOPED_TRACE(std::string(arch) + " " + display_name(type) + (half ? " half" : ""));
        TinyModel tiny;
        tiny.arch = arch, tiny.type = type;
        const std::string base = write_base(tiny);
        expect_merged(base, {write_lora(base, {.half = half})});
      }
}

TEST_F(LoraTest, single_weights_and_ranks) {
  const std::string base = write_base({.type = DType::f32});
  uint32_t seed = 10;
  for (const char* name : {"token_embd.weight", "output.weight", "blk.0.attn_q.weight",
                           "blk.0.ffn_gate.weight", "blk.1.ffn_down.weight"})
    for (const int64_t rank : {1, 3, 16, 70}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(rank));
      TinyLora o;
      o.weights = {name}, o.rank = rank, o.seed = ++seed, o.spread = 0.5f;
      expect_merged(base, {write_lora(base, o)});
    }
}

TEST_F(LoraTest, several_adapters_add_up_each_with_its_scale) {
  const std::string base = write_base({.type = DType::q8_0});
  const LoraFile first = write_lora(base, {.seed = 1}, 0.5f),
                 second = write_lora(base, {.rank = 9, .alpha = 0, .seed = 2}, -1.5f),
                 third = write_lora(base, {.weights = {"blk.1.attn_v.weight"}, .seed = 3}, 2);
  expect_merged(base, {first, second, third});
  EXPECT_NE(logits_of(base, {.adapters = {first}}), logits_of(base, {.adapters = {second}}));
}

TEST_F(LoraTest, a_scale_of_nothing_is_the_base) {
  const std::string base = write_base();
  EXPECT_EQ(logits_of(base, {.adapters = {write_lora(base, {}, 0)}}), logits_of(base, {}));
}

TEST_F(LoraTest, bits_do_not_depend_on_threads_splits_and_ways_of_loading) {
  const std::string base = write_base({.type = DType::q4_1});
  const std::vector<LoraFile> adapters = {write_lora(base, {.rank = 24, .half = true})};
  for (const std::string& isa : usable_isas()) {
    setenv("ENGINE_ISA", isa.c_str(), 1);
    std::vector<float> want;
    for (const int threads : {1, 2, 3, 7}) {
      pool_ = make_native_pool(threads);
      for (const LoadOptions& how :
           {LoadOptions{}, LoadOptions{.repack = false}, LoadOptions{.map = false}}) {
        LoadOptions options = how;
        options.adapters = adapters;
        auto model = load(base, *pool_, options);
        ASSERT_NE(model, nullptr);
        if (want.empty()) want = logits(*model, tokens_, 512);
        for (const int chunk : {512, 1, 7, 13})
          ASSERT_EQ(logits(*model, tokens_, chunk), want)
              << isa << ", " << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

TEST_F(LoraTest, every_step_agrees_with_its_scalar_twin) {
  const std::string base = write_base();
  setenv("ENGINE_VERIFY", "1", 1);
  EXPECT_FALSE(logits_of(base, {.adapters = {write_lora(base)}}, 16).empty());
}

TEST_F(LoraTest, the_plan_shows_what_an_adapter_costs) {
  const std::string base = write_base();
  auto plain = load(base, *pool_);
  auto model =
      load(base, *pool_, {.adapters = {write_lora(base, {.weights = {"blk.0.ffn_up.weight"}})}});
  ASSERT_NE(model, nullptr);
  EXPECT_NE(model->explain().find("blk.0.ffn_up.weight.lora_b"), std::string::npos);
  EXPECT_GT(model->info().weight_bytes, plain->info().weight_bytes);
  EXPECT_GT(model->info().file_bytes, plain->info().file_bytes);
}

TEST_F(LoraTest, an_adapter_is_no_model_and_a_model_no_adapter) {
  const std::string base = write_base();
  const LoraFile lora = write_lora(base);
  const auto alone = Model::load(lora.path, {}, *pool_);
  ASSERT_FALSE(alone);
  EXPECT_NE(alone.error().message.find("is an adapter, not a model"), std::string::npos);
  const auto swapped = Model::load(base, {.adapters = {{base}}}, *pool_);
  ASSERT_FALSE(swapped);
  EXPECT_NE(swapped.error().message.find("expect general.type to be 'adapter', but got:"),
            std::string::npos);
  const auto missing = Model::load(base, {.adapters = {{folder_ + "/none.gguf"}}}, *pool_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find("none.gguf"), std::string::npos);
}

TEST_F(LoraTest, encoders_with_activations_behind_a_product_and_fused_matrices) {
  for (const char* arch : {"bert", "nomic-bert"})
    for (const bool fused : {false, true}) {
      SCOPED_TRACE(std::string(arch) + (fused ? " fused" : ""));
      auto made = engine::testing::make_tiny_encoder({.arch = arch, .fused_qkv = fused});
      ASSERT_TRUE(made);
      auto base = gguf::File::parse(made->bytes);
      ASSERT_TRUE(base);
      const std::string path = folder_ + "/encoder.gguf";
      ASSERT_TRUE(engine::testing::write_tiny_encoder(path, {.arch = arch, .fused_qkv = fused}));
      const LoraFile lora = write_lora(path);
      auto adapter = gguf::File::open(lora.path);
      ASSERT_TRUE(adapter);
      const auto bytes =
          std::make_shared<std::vector<std::byte>>(merged_model(*base, {{&*adapter, 1.0f}}));
      auto merged = Model::load(std::move(*gguf::File::parse(*bytes)), bytes, {}, *pool_);
      ASSERT_TRUE(merged) << merged.error().message;
      auto with = Model::load(path, {.adapters = {lora}}, *pool_);
      ASSERT_TRUE(with) << with.error().message;
      auto plain = Model::load(path, {}, *pool_);
      const std::vector<std::string> texts = {"the sky is blue", "a"};
      const auto want = embed_texts(**merged, texts, {}), got = embed_texts(**with, texts, {}),
                 base_only = embed_texts(**plain, texts, {});
      ASSERT_TRUE(want && got && base_only);
      for (size_t i = 0; i < texts.size(); ++i) {
        EXPECT_LE(nmse(got->vectors[i], want->vectors[i]), 1e-9);
        EXPECT_GT(nmse(base_only->vectors[i], want->vectors[i]), 1e-3);
      }
    }
}

// The recorded models of every architecture: experts, norms behind products, tied output matrices.
class LoraArchTest : public LoraTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LoraArchTest, is_the_merged_model_and_keeps_its_bits) {
  const std::string base = shared_dir() + "/golden/arch/" + GetParam() + ".gguf";
  if (!exists(base)) GTEST_SKIP() << "SKIPPED LOUDLY: no golden data at " << base;
  auto file = gguf::File::open(base);
  ASSERT_TRUE(file);
  for (Token& t : tokens_) t %= static_cast<Token>(file->find("token_embd.weight")->ne[1]);
  TinyLora o;
  o.weights = engine::testing::adaptable_weights(*file);
  if (!file->find("output.weight")) o.weights.push_back("output.weight");
  o.spread = 0.05f;
  const LoraFile lora = write_lora(base, o);
  expect_merged(base, {lora});
  const std::vector<float> want = logits_of(base, {.adapters = {lora}});
  for (const int threads : {1, 3}) {
    pool_ = make_native_pool(threads);
    for (const int chunk : {1, 5})
      EXPECT_EQ(logits_of(base, {.adapters = {lora}}, chunk), want) << threads << " " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, LoraArchTest,
                         ::testing::Values("llama", "llama-moe", "qwen2", "qwen3", "gemma3"),
                         [](const auto& info) {
                           std::string s = info.param;
                           for (char& c : s)
                             if (c == '-') c = '_';
                           return s;
                         });

}  // namespace
}  // namespace engine::golden
