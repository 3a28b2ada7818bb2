#include "tests/support/tiny_encoder.h"

#include <cstdio>
#include <random>

namespace engine::testing {
namespace {

struct WordList {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
};

WordList vocabulary() {
  WordList v;
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    v.tokens.push_back(special), v.types.push_back(3);
  for (char c = 'a'; c <= 'z'; ++c) {
    v.tokens.push_back(std::string("▁") + c);
    v.tokens.push_back(std::string(1, c));
  }
  for (const char* word : {"▁the", "▁sky", "▁is", "▁blue", "ing", "▁.", "▁,", "▁?"})
    v.tokens.push_back(word);
  v.types.resize(v.tokens.size(), 1);
  return v;
}

void set_keys(gguf::Writer& w, const TinyEncoder& o, const WordList& v) {
  const std::string a = o.arch + ".";
  w.set("general.architecture", std::string_view(o.arch));
  w.set("general.name", std::string_view("tiny encoder"));
  w.set(a + "context_length", o.n_ctx);
  w.set(a + "embedding_length", TinyEncoder::kEmbd);
  w.set(a + "block_count", TinyEncoder::kLayers);
  w.set(a + "feed_forward_length", TinyEncoder::kFf);
  w.set(a + "attention.head_count", TinyEncoder::kHeads);
  w.set(a + "attention.layer_norm_epsilon", 1e-12f);
  w.set(a + "attention.causal", false);
  if (o.pooling != TinyEncoder::kNoPooling) w.set(a + "pooling_type", o.pooling);
  if (o.arch == "nomic-bert") w.set(a + "rope.freq_base", 1000.0f);
  if (o.normalize_key) w.set(a + "normalize_embeddings", o.normalize_value);
  if (!o.rerank.empty()) w.set("tokenizer.chat_template.rerank", std::string_view(o.rerank));
  w.set("tokenizer.ggml.model", std::string_view("bert"));
  w.set("tokenizer.ggml.token_type_count", TinyEncoder::kTypes);
  w.set_array("tokenizer.ggml.tokens", std::span<const std::string>(v.tokens));
  w.set_array("tokenizer.ggml.token_type", v.types);
  w.set("tokenizer.ggml.padding_token_id", uint32_t{0});
  w.set("tokenizer.ggml.unknown_token_id", uint32_t{1});
  w.set("tokenizer.ggml.bos_token_id", uint32_t{2});
  w.set("tokenizer.ggml.seperator_token_id", uint32_t{3});
  w.set("tokenizer.ggml.mask_token_id", uint32_t{4});
}

}  // namespace

Result<TinyEncoderFile> make_tiny_encoder(const TinyEncoder& o) {
  constexpr uint32_t E = TinyEncoder::kEmbd, F = TinyEncoder::kFf;
  gguf::Writer w;
  const WordList v = vocabulary();
  set_keys(w, o, v);
  TinyEncoderFile out;
  std::mt19937 rng(o.seed);
  const auto add = [&](const std::string& name, int64_t k, int64_t rows, float mean, float spread) {
    std::vector<float>& x = out.weights[name];
    x.resize(static_cast<size_t>(k * rows));
    for (float& f : x)
      f = mean + spread * (static_cast<float>(rng() >> 8) / static_cast<float>(1 << 23) - 1.0f);
    const int64_t ne[] = {k, rows};
    w.add_tensor(name, DType::f32, std::span(ne).first(rows == 1 ? 1 : 2),
                 std::as_bytes(std::span<const float>(x)));
  };
  const auto matrix = [&](const std::string& name, int64_t k, int64_t rows) {
    add(name, k, rows, 0, 0.4f);
  };
  const auto bias = [&](const std::string& name, int64_t n) { add(name, n, 1, 0, 0.3f); };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", E, 1, 1, 0.2f);
    bias(name + ".bias", E);
  };
  const bool bert = o.arch == "bert";
  matrix("token_embd.weight", E, static_cast<int64_t>(v.tokens.size()));
  matrix("token_types.weight", E, TinyEncoder::kTypes);
  if (bert) matrix("position_embd.weight", E, o.n_ctx);
  norm("token_embd_norm");
  for (uint32_t il = 0; il < TinyEncoder::kLayers; ++il) {
    const std::string p = "blk." + std::to_string(il) + ".";
    const std::vector<const char*> projections =
        o.fused_qkv ? std::vector<const char*>{"attn_qkv"}
                    : std::vector<const char*>{"attn_q", "attn_k", "attn_v"};
    for (const char* name : projections) {
      const int64_t rows = o.fused_qkv ? 3 * E : E;
      matrix(p + name + ".weight", E, rows);
      if (bert) bias(p + name + ".bias", rows);
    }
    matrix(p + "attn_output.weight", E, E);
    if (bert) bias(p + "attn_output.bias", E);
    norm(p + "attn_output_norm");
    matrix(p + "ffn_up.weight", E, F);
    matrix(p + "ffn_down.weight", F, E);
    if (bert) {
      bias(p + "ffn_up.bias", F);
      bias(p + "ffn_down.bias", E);
    } else {
      matrix(p + "ffn_gate.weight", E, F);
    }
    norm(p + "layer_output_norm");
  }
  if (o.labels > 0) {
    matrix("cls.weight", E, E);
    bias("cls.bias", E);
    add("cls.output.weight", E, o.labels, 0, 0.4f);
    bias("cls.output.bias", o.labels);
  }
  ENGINE_TRY(bytes, w.to_bytes());
  out.bytes = std::move(bytes);
  return out;
}

Status write_tiny_encoder(const std::string& path, const TinyEncoder& options) {
  ENGINE_TRY(made, make_tiny_encoder(options));
  FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Error{Errc::io, "cannot write " + path};
  const bool whole =
      std::fwrite(made.bytes.data(), 1, made.bytes.size(), file) == made.bytes.size();
  std::fclose(file);
  if (!whole) return Error{Errc::io, "cannot write " + path};
  return ok;
}

}  // namespace engine::testing
