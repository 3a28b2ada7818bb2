// Metadata of architectures: RoPE scaling as numbers, and one clear error for each broken value.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>

#include "engine/model/arch.h"
#include "engine/model/blocks.h"
#include "engine/model/describe.h"
#include "engine/model/weights.h"
#include "gguf/writer.h"

namespace engine {
namespace {

struct Fixture {
  std::vector<std::byte> zeros = std::vector<std::byte>(64 * 100 * 4);
  std::vector<std::byte> bytes;
  std::unique_ptr<gguf::File> file;

  Fixture(const char* arch, const std::function<void(gguf::Writer&, const std::string&)>& change) {
    gguf::Writer w;
    const std::string p = std::string(arch) + ".";
    w.set("general.architecture", std::string_view(arch));
    w.set(p + "context_length", uint32_t{4096});
    w.set(p + "embedding_length", uint32_t{64});
    w.set(p + "block_count", uint32_t{2});
    w.set(p + "feed_forward_length", uint32_t{128});
    w.set(p + "attention.head_count", uint32_t{4});
    w.set(p + "attention.head_count_kv", uint32_t{2});
    w.set(p + "attention.layer_norm_rms_epsilon", 1e-5f);
    w.set(p + "rope.freq_base", 10000.0f);
    const int64_t embd[] = {64, 100};
    w.add_tensor("token_embd.weight", DType::f32, embd, zeros);
    change(w, p);
    auto made = w.to_bytes();
    EXPECT_TRUE(static_cast<bool>(made)) << made.error().message;
    bytes = std::move(*made);
    auto opened = gguf::File::parse(bytes);
    EXPECT_TRUE(static_cast<bool>(opened));
    file = std::make_unique<gguf::File>(std::move(*opened));
  }

  Status read(ModelSpec& spec, int n_ctx = 4096) const {
    const auto name = file->str("general.architecture");
    return find_arch(*name)->read(*file, {n_ctx}, spec);
  }
};

TEST(Rope, plain_frequencies) {
  Fixture f("llama", [](gguf::Writer&, const std::string&) {});
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  const RopeSpec& r = s.blocks[0].rope;
  ASSERT_EQ(r.freq.size(), 8u);
  EXPECT_EQ(r.style, RopeStyle::norm);
  for (size_t i = 0; i < 8; ++i)
    EXPECT_NEAR(r.freq[i], std::pow(10000.0, -2.0 * static_cast<double>(i) / 16), 1e-12);
  EXPECT_EQ(r.mscale, 1.0f);
}

TEST(Rope, linear_scaling_divides_every_frequency) {
  Fixture f("qwen2", [](gguf::Writer& w, const std::string& p) {
    w.set(p + "rope.scaling.type", std::string_view("linear"));
    w.set(p + "rope.scaling.factor", 8.0f);
  });
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  EXPECT_EQ(s.blocks[0].rope.style, RopeStyle::neox);
  EXPECT_NEAR(s.blocks[0].rope.freq[0], 1.0 / 8, 1e-12);
}

TEST(Rope, yarn_keeps_high_frequencies_and_scales_low_ones) {
  Fixture f("qwen2", [](gguf::Writer& w, const std::string& p) {
    w.set(p + "rope.scaling.type", std::string_view("yarn"));
    w.set(p + "rope.scaling.factor", 4.0f);
    w.set(p + "rope.scaling.original_context_length", uint32_t{1024});
  });
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  const RopeSpec& r = s.blocks[0].rope;
  // dim(32) = 16 ln(1024 / 64 pi) / (2 ln 10000) = 1.41, dim(1) = 4.42:
  // pairs 0, 1 untouched, from 5 on divided by 4
  EXPECT_NEAR(r.freq[0], 1.0, 1e-12);
  EXPECT_NEAR(r.freq[1], std::pow(10000.0, -2.0 / 16), 1e-12);
  EXPECT_NEAR(r.freq[5], std::pow(10000.0, -10.0 / 16) / 4, 1e-12);
  EXPECT_NEAR(r.mscale, 0.1 * std::log(4.0) + 1, 1e-6);
}

// What files of some families say of this is not read (nobody does); what a user says is.
TEST(Rope, the_user_bends_yarn) {
  const auto read = [](const std::vector<std::pair<const char*, float>>& keys) {
    Fixture f("qwen2", [&](gguf::Writer& w, const std::string& p) {
      w.set(p + "rope.scaling.type", std::string_view("yarn"));
      w.set(p + "rope.scaling.factor", 4.0f);
      w.set(p + "rope.scaling.original_context_length", uint32_t{1024});
      w.set(p + "rope.scaling.yarn_ext_factor", 0.0f);
    });
    for (const auto& [key, value] : keys) f.file->set({key, static_cast<double>(value)});
    ModelSpec s;
    EXPECT_TRUE(static_cast<bool>(f.read(s)));
    return s.blocks[0].rope;
  };
  const RopeSpec plain = read({}), none = read({{"user.yarn_ext_factor", 0}}),
                 half = read({{"user.yarn_ext_factor", 0.5f}}),
                 same = read({{"user.yarn_ext_factor", -1}, {"user.yarn_beta_fast", 32}}),
                 loud = read({{"user.yarn_attn_factor", 2}}),
                 late = read({{"user.yarn_beta_fast", 4}});
  EXPECT_NEAR(none.freq[0], 0.25, 1e-12) << "interpolated everywhere";
  EXPECT_EQ(none.mscale, 1.0f);
  EXPECT_NEAR(half.freq[0], (1 + 0.25) / 2, 1e-12);
  EXPECT_EQ(half.mscale, plain.mscale);
  EXPECT_EQ(same.freq, plain.freq);
  EXPECT_NEAR(loud.mscale, 2 * plain.mscale, 1e-6);
  // dim(4) = 3.2: pairs up to 3 are untouched instead of up to 1
  EXPECT_NEAR(late.freq[3], std::pow(10000.0, -6.0 / 16), 1e-12);
  EXPECT_LT(plain.freq[3], late.freq[3]);
}

TEST(Rope, gemma3_windows_have_their_own_base_and_no_scaling) {
  Fixture f("gemma3", [](gguf::Writer& w, const std::string& p) {
    w.set(p + "rope.freq_base", 1e6f);
    w.set(p + "rope.scaling.type", std::string_view("linear"));
    w.set(p + "rope.scaling.factor", 8.0f);
    w.set(p + "attention.sliding_window", uint32_t{512});
    w.set(p + "attention.sliding_window_pattern", uint32_t{2});
  });
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  EXPECT_EQ(s.blocks[0].window, 512);
  EXPECT_EQ(s.blocks[1].window, 0);
  EXPECT_NEAR(s.blocks[0].rope.freq[1], std::pow(10000.0, -2.0 / 16), 1e-9);
  EXPECT_NEAR(s.blocks[1].rope.freq[1], std::pow(1e6, -2.0 / 16) / 8, 1e-9);
  EXPECT_NEAR(s.emb_scale, 8.0f, 0);
}

struct Broken {
  const char* what;
  std::function<void(gguf::Writer&, const std::string&)> change;
  const char* message;
};

TEST(Metadata, each_broken_value_gives_one_error_that_names_it) {
  const Broken cases[] = {
      {"no layers", [](auto& w, auto& p) { w.set(p + "block_count", uint32_t{0}); },
       "llama.block_count is 0"},
      {"too many layers", [](auto& w, auto& p) { w.set(p + "block_count", uint32_t{100000}); },
       "llama.block_count is 100000"},
      {"no heads", [](auto& w, auto& p) { w.set(p + "attention.head_count", uint32_t{0}); },
       "0 heads"},
      {"heads do not divide",
       [](auto& w, auto& p) { w.set(p + "attention.head_count_kv", uint32_t{3}); },
       "4 heads over 3"},
      {"embedding of another width",
       [](auto& w, auto& p) { w.set(p + "embedding_length", uint32_t{65}); }, "64 columns"},
      {"rope of another width",
       [](auto& w, auto& p) { w.set(p + "rope.dimension_count", uint32_t{8}); },
       "invalid n_rot: 8, expected 16"},
      {"experts without choice", [](auto& w, auto& p) { w.set(p + "expert_count", uint32_t{4}); },
       "expert_used_count is 0"},
      {"wrong type",
       [](auto& w, auto& p) { w.set(p + "context_length", std::string_view("long")); },
       "llama.context_length"},
      {"unknown scaling",
       [](auto& w, auto& p) { w.set(p + "rope.scaling.type", std::string_view("ntk")); },
       "known: none, linear, yarn"},
      {"no base", [](auto& w, auto& p) { w.set(p + "rope.freq_base", 0.0f); },
       "llama.rope.freq_base is 0"},
      {"base not a number",
       [](auto& w, auto& p) { w.set(p + "rope.freq_base", __builtin_nanf("")); },
       "llama.rope.freq_base is "},
      {"negative epsilon",
       [](auto& w, auto& p) { w.set(p + "attention.layer_norm_rms_epsilon", -1e-5f); },
       "llama.attention.layer_norm_rms_epsilon is "},
      {"infinite epsilon",
       [](auto& w, auto& p) { w.set(p + "attention.layer_norm_rms_epsilon", __builtin_inff()); },
       "llama.attention.layer_norm_rms_epsilon is "},
      {"more key heads than heads",
       [](auto& w, auto& p) { w.set(p + "attention.head_count_kv", uint32_t{8}); },
       "4 heads over 8"},
      {"keys too long",
       [](auto& w, auto& p) { w.set(p + "attention.key_length", uint32_t{1 << 20}); },
       "attention.key_length"},
      {"values too long",
       [](auto& w, auto& p) { w.set(p + "attention.value_length", uint32_t{1 << 20}); },
       "attention.value_length"},
      {"too many experts", [](auto& w, auto& p) { w.set(p + "expert_count", uint32_t{5000}); },
       "expert_count"},
      {"context of nothing", [](auto& w, auto& p) { w.set(p + "context_length", uint32_t{0}); },
       "llama.context_length is 0"},
      {"embedding beyond all bounds",
       [](auto& w, auto& p) { w.set(p + "embedding_length", uint32_t{0xffffffff}); },
       "llama.embedding_length is 4294967295"},
      {"per-layer list too short",
       [](auto& w, auto& p) {
         const uint32_t one[] = {2};
         w.set_array(p + "attention.head_count_kv", std::span<const uint32_t>(one));
       },
       "attention.head_count_kv"},
  };
  for (const Broken& b : cases) {
    Fixture f("llama", b.change);
    ModelSpec s;
    const Status status = f.read(s);
    ASSERT_FALSE(status) << b.what;
    EXPECT_NE(status.error().message.find(b.message), std::string::npos)
        << b.what << ": " << status.error().message;
  }
}

TEST(Weights, a_missing_tensor_is_named) {
  Fixture f("llama", [](gguf::Writer&, const std::string&) {});
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  auto weights = read_weights(*f.file, s);
  ASSERT_TRUE(static_cast<bool>(weights));
  const auto graph = build_graph(s, weights->table());
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().message, "missing tensor 'blk.0.attn_norm.weight'");
}

TEST(Weights, fused_qkv_appears_as_its_parts) {
  std::vector<std::byte> qkv(64 * 128 * 4), bias(128 * 4);
  for (int i = 0; i < 128; ++i) reinterpret_cast<float*>(bias.data())[i] = static_cast<float>(i);
  Fixture f("llama", [&](gguf::Writer& w, const std::string&) {
    const int64_t m[] = {64, 128}, v[] = {128};
    w.add_tensor("blk.0.attn_qkv.weight", DType::f32, m, qkv);
    w.add_tensor("blk.0.attn_qkv.bias", DType::f32, v, bias);
  });
  ModelSpec s;
  ASSERT_TRUE(static_cast<bool>(f.read(s)));
  auto w = read_weights(*f.file, s);
  ASSERT_TRUE(static_cast<bool>(w));
  EXPECT_EQ(w->tensors.at("blk.0.attn_q.weight").ne[1], 64);
  EXPECT_EQ(w->tensors.at("blk.0.attn_v.weight").ne[1], 32);
  EXPECT_EQ(w->tensors.at("blk.0.attn_k.bias").as<float>()[0], 64.0f);
  EXPECT_EQ(w->tensors.at("blk.0.attn_v.bias").as<float>()[31], 127.0f);
}

TEST(Describe, sizes_and_types_in_words) {
  EXPECT_EQ(parameter_size(134515008), "134.52M");
  EXPECT_EQ(parameter_size(8030261312), "8B");
  EXPECT_EQ(parameter_size(1235814432), "1.2B");
  EXPECT_EQ(parameter_size(999), "999");
  EXPECT_EQ(file_type_name(15), "Q4_K_M");
  EXPECT_EQ(file_type_name(5), "unknown");
}

}  // namespace
}  // namespace engine
