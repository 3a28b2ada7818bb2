// A tiny llama or gemma3 model with random weights and no vocabulary, written and opened in memory:
// sequences of ids in, ids out.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/core/half.h"
#include "engine/run/model.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace engine {

constexpr int kTinyVocab = 96;

// window > 0: gemma3, every second layer with this window. spread: of the weights of the layers;
// with little of it the next token depends on the last one alone,
// and a greedy answer goes in circles.
// pooling >= 0: an embedding model.
inline std::vector<std::byte> random_model_bytes(uint32_t window = 0, float spread = 0.2f,
                                                 int pooling = -1, uint32_t layers = 2) {
  gguf::Writer w;
  const uint32_t embd = 64, ff = 128, heads = 4, kv = 2;
  const std::string arch = window > 0 ? "gemma3" : "llama", a = arch + ".";
  w.set("general.architecture", std::string_view(arch));
  w.set(a + "context_length", uint32_t{4096});
  w.set(a + "embedding_length", embd);
  w.set(a + "block_count", layers);
  w.set(a + "feed_forward_length", ff);
  w.set(a + "attention.head_count", heads);
  w.set(a + "attention.head_count_kv", kv);
  w.set(a + "attention.layer_norm_rms_epsilon", 1e-5f);
  if (pooling >= 0) w.set(a + "pooling_type", static_cast<uint32_t>(pooling));
  if (window > 0) {
    w.set(a + "attention.sliding_window", window);
    w.set(a + "attention.sliding_window_pattern", uint32_t{2});
  }
  std::mt19937 rng(7);
  std::normal_distribution<float> normal(0, 0.2f);
  std::vector<std::unique_ptr<std::vector<std::byte>>> keep;
  const auto add = [&](const std::string& name, int64_t ne0, int64_t ne1, bool vector) {
    keep.push_back(std::make_unique<std::vector<std::byte>>(static_cast<size_t>(ne0 * ne1) *
                                                            (vector ? 4 : 2)));
    for (int64_t i = 0; i < ne0 * ne1; ++i) {
      if (vector) {
        reinterpret_cast<float*>(keep.back()->data())[i] = 1.0f + normal(rng) * 0.1f;
      } else {
        const float scale = name.starts_with("blk.") ? spread / 0.2f : 1.0f;
        reinterpret_cast<uint16_t*>(keep.back()->data())[i] = float_to_half(normal(rng) * scale);
      }
    }
    const int64_t ne[] = {ne0, ne1};
    w.add_tensor(name, vector ? DType::f32 : DType::f16, std::span(ne).first(vector ? 1 : 2),
                 *keep.back());
  };
  const int64_t dk = embd / heads;
  add("token_embd.weight", embd, kTinyVocab, false);
  add("output_norm.weight", embd, 1, true);
  add("output.weight", embd, kTinyVocab, false);  // with token_embd it would repeat one token
  for (uint32_t il = 0; il < layers; ++il) {
    const std::string p = "blk." + std::to_string(il) + ".";
    add(p + "attn_norm.weight", embd, 1, true), add(p + "ffn_norm.weight", embd, 1, true);
    add(p + "attn_q.weight", embd, embd, false), add(p + "attn_k.weight", embd, dk * kv, false),
        add(p + "attn_v.weight", embd, dk * kv, false);
    add(p + "attn_output.weight", embd, embd, false);
    add(p + "ffn_gate.weight", embd, ff, false), add(p + "ffn_up.weight", embd, ff, false),
        add(p + "ffn_down.weight", ff, embd, false);
    if (window == 0) continue;
    add(p + "attn_q_norm.weight", dk, 1, true), add(p + "attn_k_norm.weight", dk, 1, true);
    add(p + "post_attention_norm.weight", embd, 1, true);
    add(p + "post_ffw_norm.weight", embd, 1, true);
  }
  auto bytes = w.to_bytes();
  EXPECT_TRUE(static_cast<bool>(bytes));
  return std::move(*bytes);
}

inline std::unique_ptr<Model> random_model(ThreadPool& pool, LoadOptions options,
                                           uint32_t window = 0, float spread = 0.2f,
                                           int pooling = -1, uint32_t layers = 2) {
  auto bytes =
      std::make_shared<std::vector<std::byte>>(random_model_bytes(window, spread, pooling, layers));
  auto file = gguf::File::parse(*bytes);
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return nullptr;
  }
  auto model = Model::load(std::move(*file), bytes, options, pool);
  if (!model) {
    ADD_FAILURE() << model.error().message;
    return nullptr;
  }
  return std::move(*model);
}

}  // namespace engine
