// A llama model with random weights whose rows are whole blocks of every type, and no vocabulary: ids in, logits out.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/core/half.h"
#include "engine/core/thread_pool.h"
#include "engine/run/logits.h"
#include "engine/run/model.h"
#include "gguf/writer.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/random.h"

namespace engine::quant::testing {

struct SmallModel {
  uint32_t embd = 256, ff = 512, layers = 3, heads = 4, heads_kv = 2, vocab = 96;
  int64_t experts = 0;  // 0: a dense model
  DType type = DType::f16;
  bool tied = false;
};

inline void write_small_model(
    const std::string& path, const SmallModel& m = {},
    const std::function<void(std::string_view, std::vector<float>&)>& change = {}) {
  gguf::Writer w;
  w.set("general.architecture", "llama");
  w.set("general.name", "small");
  w.set("general.file_type", uint32_t{1});
  w.set("llama.context_length", uint32_t{512});
  w.set("llama.embedding_length", m.embd);
  w.set("llama.block_count", m.layers);
  w.set("llama.feed_forward_length", m.ff);
  w.set("llama.attention.head_count", m.heads);
  w.set("llama.attention.head_count_kv", m.heads_kv);
  w.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  if (m.experts > 0) {
    w.set("llama.expert_count", static_cast<uint32_t>(m.experts));
    w.set("llama.expert_used_count", uint32_t{2});
  }
  test::Rng rng(7);
  std::vector<std::unique_ptr<std::vector<std::byte>>> keep;
  const auto add = [&](const std::string& name, std::vector<int64_t> ne) {
    const bool matrix = ne.size() > 1;
    int64_t n = 1;
    for (const int64_t v : ne) n *= v;
    std::vector<float> values(static_cast<size_t>(n));
    // Sums of three: most values are small, as in trained models.
    for (float& v : values)
      v = matrix ? (rng.uniform(-1, 1) + rng.uniform(-1, 1) + rng.uniform(-1, 1)) * 0.05f
                 : 1 + rng.uniform(-0.1f, 0.1f);
    if (change) change(name, values);
    const DType type = matrix ? m.type : DType::f32;
    keep.push_back(
        std::make_unique<std::vector<std::byte>>(static_cast<size_t>(row_bytes(type, n))));
    std::byte* out = keep.back()->data();
    for (int64_t i = 0; i < n; ++i) {
      const float v = values[static_cast<size_t>(i)];
      const uint16_t half = type == DType::bf16 ? float_to_bf16(v) : float_to_half(v);
      if (type == DType::f32)
        std::memcpy(out + 4 * i, &v, 4);
      else
        std::memcpy(out + 2 * i, &half, 2);
    }
    w.add_tensor(name, type, ne, *keep.back());
  };
  const int64_t embd = m.embd, ff = m.ff, kv = embd / m.heads * m.heads_kv;
  add("token_embd.weight", {embd, m.vocab});
  add("output_norm.weight", {embd});
  if (!m.tied) add("output.weight", {embd, m.vocab});
  for (uint32_t l = 0; l < m.layers; ++l) {
    const std::string b = "blk." + std::to_string(l) + ".";
    add(b + "attn_norm.weight", {embd});
    add(b + "attn_q.weight", {embd, embd});
    add(b + "attn_k.weight", {embd, kv});
    add(b + "attn_v.weight", {embd, kv});
    add(b + "attn_output.weight", {embd, embd});
    add(b + "ffn_norm.weight", {embd});
    if (m.experts > 0) {
      add(b + "ffn_gate_inp.weight", {embd, m.experts});
      add(b + "ffn_gate_exps.weight", {embd, ff, m.experts});
      add(b + "ffn_up_exps.weight", {embd, ff, m.experts});
      add(b + "ffn_down_exps.weight", {ff, embd, m.experts});
    } else {
      add(b + "ffn_gate.weight", {embd, ff});
      add(b + "ffn_up.weight", {embd, ff});
      add(b + "ffn_down.weight", {ff, embd});
    }
  }
  const Status written = w.write(path);
  ASSERT_TRUE(written) << written.error().message;
}

// Logits of a short sequence; empty after an error, which is reported.
inline std::vector<float> logits_of(const std::string& path, ThreadPool& pool) {
  LoadOptions load;
  load.n_ctx = 64;
  auto model = Model::load(path, load, pool);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  if (!model) return {};
  std::vector<Token> tokens;
  for (Token t = 0; t < 24; ++t) tokens.push_back(t * 37 % 96);
  std::vector<float> out;
  const Status status = compute_logits(**model, tokens, 0, 0, [&](int, std::span<float> row) {
    out.insert(out.end(), row.begin(), row.end());
    return Status(ok);
  });
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return out;
}

// sum (a - b)^2 / sum b^2
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double up = 0, down = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    up += d * d;
    down += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return down > 0 ? up / down : 1;
}

}  // namespace engine::quant::testing
