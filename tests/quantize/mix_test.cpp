// Which type each tensor gets: the table of the file types, and known choices for published models.
#include "engine/quantize/mix.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace engine::quant {
namespace {

constexpr int64_t kMatrix[4] = {4096, 4096, 1, 1};

MixModel dense(int64_t layers, int64_t gqa, const char* arch = "llama") {
  MixModel m;
  m.arch = arch, m.n_layer = layers, m.gqa = gqa, m.n_value = layers;
  return m;
}

// Types of one kind of tensor, layer by layer, as "q5_k x2, q4_k x30".
std::string runs(const char* file_type, MixModel model, const std::string& name,
                 bool matrix = false) {
  Mix mix(*find_mix(file_type), model, matrix);
  std::string out, last;
  int count = 0;
  const auto flush = [&] {
    if (count > 0) out += (out.empty() ? "" : ", ") + last + " x" + std::to_string(count);
  };
  for (int64_t l = 0; l < model.n_layer; ++l) {
    const auto t = mix.choose("blk." + std::to_string(l) + "." + name + ".weight", kMatrix);
    EXPECT_TRUE(t);
    const std::string type = traits(*t).name;
    if (type != last) flush(), last = type, count = 0;
    ++count;
  }
  flush();
  return out;
}

DType one(const char* file_type, const MixModel& model, const std::string& name,
          bool matrix = false) {
  Mix mix(*find_mix(file_type), model, matrix);
  const auto t = mix.choose(name, kMatrix);
  EXPECT_TRUE(t);
  return *t;
}

struct Row {
  const char *file, *output, *embedding, *value, *key, *query, *out, *down, *gate;
};

// 32 layers, gqa 4, separate output, no matrix. "=": the default type everywhere.
constexpr Row kTable[] = {
    {"Q4_0", "q6_k", "q4_0", "=", "=", "=", "=", "=", "="},
    {"Q5_1", "q6_k", "q5_1", "=", "=", "=", "=", "=", "="},
    {"Q8_0", "q8_0", "q8_0", "=", "=", "=", "=", "=", "="},
    {"Q2_K", "q6_k", "q2_k", "q4_k x32", "=", "=", "q3_k x32", "q3_k x32", "="},
    {"Q2_K_S", "q6_k", "q2_k", "q4_k x32", "=", "=", "=", "q4_k x4, q2_k x28", "="},
    {"Q3_K_S", "q6_k", "q3_k", "=", "=", "=", "=", "=", "="},
    {"Q3_K_M", "q6_k", "q3_k", "q5_k x2, q4_k x30", "=", "=", "q4_k x32", "q5_k x2, q4_k x30", "="},
    {"Q3_K_L", "q6_k", "q3_k", "q5_k x32", "=", "=", "q5_k x32", "q5_k x32", "="},
    {"Q4_K_S", "q6_k", "q4_k", "q5_k x4, q4_k x28", "=", "=", "=", "q5_k x4, q4_k x28", "="},
    {"Q4_K_M", "q6_k", "q4_k",
     "q6_k x4, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, "
     "q6_k x1, "
     "q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x5",
     "=", "=", "=",
     "q6_k x4, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, "
     "q6_k x1, "
     "q4_k x2, q6_k x1, q4_k x2, q6_k x1, q4_k x2, q6_k x5",
     "="},
    {"Q5_K_S", "q6_k", "q5_k", "=", "=", "=", "=", "=", "="},
    {"Q6_K", "q6_k", "q6_k", "=", "=", "=", "=", "=", "="},
    {"IQ4_NL", "q6_k", "iq4_nl", "q5_k x32", "=", "=", "=", "q5_k x4, iq4_nl x28", "="},
    {"IQ4_XS", "q6_k", "iq4_xs", "q5_k x32", "=", "=", "=", "q5_k x4, iq4_xs x28", "="},
    {"IQ3_M", "q6_k", "iq3_s", "q4_k x32", "=", "=", "q4_k x32", "q4_k x4, iq3_s x28", "="},
    {"IQ3_XS", "q6_k", "iq3_s", "q4_k x32", "iq3_xxs x32", "iq3_xxs x32", "=", "=",
     "iq3_s x4, iq3_xxs x24, iq3_s x4"},
};

TEST(Mix, TableOfADenseModel) {
  for (const Row& r : kTable) {
    const MixModel m = dense(32, 4);
    const std::string base = std::string(traits(find_mix(r.file)->base).name) + " x32";
    const auto expect = [&](const char* name, const char* want) {
      EXPECT_EQ(runs(r.file, m, name), std::string(want) == "=" ? base : want)
          << r.file << " " << name;
    };
    EXPECT_STREQ(traits(one(r.file, m, "output.weight")).name, r.output) << r.file;
    EXPECT_STREQ(traits(one(r.file, m, "token_embd.weight")).name, r.embedding) << r.file;
    expect("attn_v", r.value);
    expect("attn_k", r.key);
    expect("attn_q", r.query);
    expect("attn_output", r.out);
    expect("ffn_down", r.down);
    expect("ffn_gate", r.gate);
    expect("ffn_up", r.gate);
  }
}

TEST(Mix, FewHeadsPerKeyValueHead) {
  const MixModel m = dense(32, 2);
  EXPECT_EQ(runs("Q2_K", m, "attn_v"), "q3_k x32");
  EXPECT_EQ(runs("Q2_K_S", m, "attn_v"), "q2_k x32");
  EXPECT_EQ(runs("IQ4_XS", m, "attn_v"), "iq4_xs x32");
}

TEST(Mix, AnImportanceMatrixChangesDownMatrices) {
  const MixModel m = dense(32, 4);
  EXPECT_EQ(runs("IQ4_XS", m, "ffn_down", true), "iq4_xs x32");
  EXPECT_EQ(runs("Q4_0", m, "ffn_down", true), "q4_1 x4, q4_0 x28");
  EXPECT_EQ(runs("Q5_0", m, "ffn_down", true), "q5_1 x4, q5_0 x28");
}

TEST(Mix, PublishedModels) {
  // Qwen3-0.6B
  const MixModel small = dense(28, 2, "qwen3");
  EXPECT_EQ(runs("Q3_K_M", small, "attn_v"), "q5_k x2, q4_k x26");
  EXPECT_EQ(runs("Q3_K_M", small, "ffn_down"), "q5_k x1, q4_k x27");
  EXPECT_EQ(runs("Q3_K_M", small, "attn_output"), "q4_k x28");
  EXPECT_EQ(one("Q3_K_M", small, "output.weight"), DType::q6_k);
  // 64 layers of which some have fused matrices: they count together.
  MixModel mixed = dense(64, 6, "qwen35");
  Mix mix(*find_mix("Q4_K_M"), mixed, false);
  for (int l = 0; l < 64; ++l) {
    const std::string kind = l % 4 == 3 ? ".attn_v.weight" : ".attn_qkv.weight";
    const bool more = l < 8 || l >= 56 || (l - 8) % 3 == 2;
    EXPECT_EQ(*mix.choose("blk." + std::to_string(l) + kind, kMatrix),
              more ? DType::q6_k : DType::q4_k)
        << l;
  }
  // gpt-oss: rows of 2880, experts.
  MixModel oss = dense(36, 8, "gpt-oss");
  oss.n_expert = 128;
  const int64_t narrow[4] = {2880, 4096, 1, 1}, experts[4] = {2880, 2880, 128, 1};
  Mix oss_mix(*find_mix("Q4_K_M"), oss, false);
  const auto shaped = [&](Mix& m, const char* name, const int64_t(&ne)[4]) {
    return *fallback_for(*m.choose(name, ne), ne[0]);
  };
  EXPECT_EQ(shaped(oss_mix, "output.weight", narrow), DType::q8_0);
  EXPECT_EQ(shaped(oss_mix, "token_embd.weight", narrow), DType::q5_0);
  EXPECT_EQ(shaped(oss_mix, "blk.0.attn_k.weight", narrow), DType::q5_0);
  EXPECT_EQ(shaped(oss_mix, "blk.0.ffn_down_exps.weight", experts), DType::q8_0);
  EXPECT_EQ(shaped(oss_mix, "blk.9.ffn_down_exps.weight", experts), DType::q8_0);
  EXPECT_EQ(shaped(oss_mix, "blk.10.ffn_down_exps.weight", experts), DType::q5_0);
  EXPECT_EQ(shaped(oss_mix, "blk.0.attn_output.weight", kMatrix), DType::q4_k);
  Mix moe(*find_mix("MXFP4_MOE"), oss, false);
  EXPECT_EQ(*moe.choose("blk.0.ffn_up_exps.weight", experts), DType::mxfp4);
  EXPECT_EQ(*moe.choose("blk.0.attn_q.weight", narrow), DType::q8_0);
  EXPECT_FALSE(oss_mix.choose("ffn_down_exps.weight", experts));
}

TEST(Mix, EightExpertsAndLargeModels) {
  MixModel mixtral = dense(32, 4);
  mixtral.n_expert = 8;
  EXPECT_EQ(runs("Q4_K_M", mixtral, "attn_v"), "q8_0 x32");
  EXPECT_EQ(runs("Q4_K_M", mixtral, "attn_k"), "q8_0 x32");
  EXPECT_EQ(runs("Q4_K_M", mixtral, "attn_output"), "q5_k x32");
  EXPECT_EQ(runs("IQ2_XS", mixtral, "attn_v", true), "q4_k x32");
  MixModel large = dense(80, 8);
  large.class_70b = true;
  EXPECT_EQ(runs("Q3_K_M", large, "attn_v"), "q5_k x80");
  EXPECT_EQ(runs("Q3_K_S", large, "attn_v"), "q5_k x80");
}

TEST(Mix, TiedEmbeddingsFollowTheOutput) {
  MixModel m = dense(32, 4);
  m.tied = true;
  EXPECT_EQ(one("Q4_K_M", m, "token_embd.weight"), DType::q6_k);
  EXPECT_EQ(one("Q8_0", m, "token_embd.weight"), DType::q8_0);
  EXPECT_EQ(one("IQ3_XXS", m, "token_embd.weight"), DType::q5_k);
  EXPECT_EQ(one("Q4_K_M", dense(32, 1, "falcon"), "output.weight"), DType::q8_0);
}

TEST(Mix, FalconHasRulesOfItsOwn) {
  const MixModel m = dense(32, 0, "falcon");
  EXPECT_EQ(runs("Q3_K_L", m, "ffn_down"), "q4_k x32");
  EXPECT_EQ(runs("Q3_K_L", m, "attn_output"), "q4_k x32");
  EXPECT_EQ(runs("Q4_K_S", m, "ffn_down"), "q4_k x32");
  EXPECT_EQ(runs("Q4_K_M", m, "ffn_down").substr(0, 18), "q6_k x2, q5_k x2, ");
}

TEST(Mix, ShapesThatDoNotFit) {
  EXPECT_EQ(*fallback_for(DType::q4_k, 512), DType::q4_k);
  EXPECT_EQ(*fallback_for(DType::q2_k, 96), DType::q4_0);
  EXPECT_EQ(*fallback_for(DType::q3_k, 96), DType::q4_0);
  EXPECT_EQ(*fallback_for(DType::q4_k, 96), DType::q5_0);
  EXPECT_EQ(*fallback_for(DType::q5_k, 96), DType::q5_1);
  EXPECT_EQ(*fallback_for(DType::q6_k, 96), DType::q8_0);
  EXPECT_EQ(*fallback_for(DType::iq4_xs, 96), DType::iq4_nl);
  EXPECT_EQ(*fallback_for(DType::q4_k, 100), DType::f16);
  EXPECT_EQ(*fallback_for(DType::q8_0, 100), DType::f16);
  EXPECT_FALSE(fallback_for(DType::q1_0, 96));
}

TEST(Mix, WhatIsConverted) {
  const auto converted = [](const char* name, const char* arch = "llama") {
    return is_converted(name, kMatrix, arch);
  };
  EXPECT_TRUE(converted("blk.0.attn_q.weight"));
  EXPECT_TRUE(converted("token_embd.weight"));
  EXPECT_TRUE(converted("blk.0.attn_k_b.weight"));
  for (const char* name :
       {"blk.0.attn_q.bias", "blk.0.attn_q_norm.weight", "blk.0.ffn_gate_inp.weight",
        "position_embd.weight", "token_types.weight", "blk.0.ssm_conv1d.weight",
        "blk.0.time_mix_w1.weight", "v.patch_embd.weight", "blk.0.altup_router.weight"})
    EXPECT_FALSE(converted(name)) << name;
  EXPECT_FALSE(converted("blk.0.attn_k_b.weight", "glm5-next"));
  const int64_t vector[4] = {4096, 1, 1, 1};
  EXPECT_FALSE(is_converted("blk.0.attn_q.weight", vector, "llama"));
}

TEST(Mix, NamesAndNumbers) {
  EXPECT_STREQ(find_mix("q4_k")->name, "Q4_K_M");
  EXPECT_STREQ(find_mix("Q5_K")->name, "Q5_K_M");
  EXPECT_STREQ(find_mix("iq4_xs")->name, "IQ4_XS");
  EXPECT_STREQ(find_mix("15")->name, "Q4_K_M");
  EXPECT_STREQ(find_mix("0")->name, "F32");
  for (const char* wrong : {"", "Q9", "4", "39", "15x", "-1"})
    EXPECT_EQ(find_mix(wrong), nullptr) << wrong;
  EXPECT_EQ(find_mix("IQ2_S")->base, DType::iq2_xs);
  EXPECT_EQ(writable_mixes(),
            "F32, F16, Q4_0, Q4_1, Q8_0, Q5_0, Q5_1, Q2_K, Q3_K_S, Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, "
            "Q5_K_S, "
            "Q5_K_M, Q6_K, Q2_K_S, IQ4_NL, IQ4_XS, BF16");
}

}  // namespace
}  // namespace engine::quant
