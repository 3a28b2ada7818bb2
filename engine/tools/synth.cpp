// Shapes to tensors, types by the rules of the quantizer, random bits with sane scales.
#include "engine/tools/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "engine/core/half.h"
#include "engine/quantize/mix.h"
#include "engine/quantize/quantizer.h"
#include "engine/tools/synth_shapes.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace engine {
namespace {

using Sizes = std::map<std::string, std::string, std::less<>>;

// Where the scales of a block lie, as halves, and what they are multiplied
// with to make weights of about +-0.05.
struct ScaleFields {
  DType type;
  int scale_at;
  float scale;
  int min_at;  // -1: none
  float min;
};
constexpr ScaleFields kScales[] = {
    {DType::q4_0, 0, 6e-3f, -1, 0},    {DType::q4_1, 0, 6e-3f, 2, -0.05f},
    {DType::q5_0, 0, 3e-3f, -1, 0},    {DType::q5_1, 0, 3e-3f, 2, -0.05f},
    {DType::q8_0, 0, 4e-4f, -1, 0},    {DType::q2_k, 80, 2e-3f, 82, 3e-3f},
    {DType::q3_k, 108, 5e-4f, -1, 0},  {DType::q4_k, 0, 1e-4f, 2, 8e-4f},
    {DType::q5_k, 0, 5e-5f, 2, 8e-4f}, {DType::q6_k, 208, 2e-5f, -1, 0},
    {DType::iq4_nl, 0, 5e-4f, -1, 0},  {DType::iq4_xs, 0, 2e-5f, -1, 0},
};

Sizes parse_shape(std::string_view text) {
  Sizes sizes;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    // comments, and the lines of matrix shapes
    if (line.empty() || !std::isalpha(static_cast<unsigned char>(line[0]))) continue;
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos)
      sizes[std::string(line.substr(0, blank))] =
          std::string(line.substr(line.find_first_not_of(' ', blank)));
  }
  return sizes;
}

int number(const Sizes& sizes, std::string_view key, int fallback = 0) {
  const auto it = sizes.find(key);
  int value = fallback;
  if (it != sizes.end())
    std::from_chars(it->second.data(), it->second.data() + it->second.size(), value);
  return value;
}

struct Planned {
  std::string name;
  DType type;
  std::vector<int64_t> ne;
  bool ones = false;  // a norm
};

// The tensors of the families that share the plain layer: llama, qwen2, qwen3, gemma3; in the order
// in which the rules of a mix count them.
Result<std::vector<Planned>> plan_tensors(const Sizes& s, const quant::MixInfo& info) {
  const std::string arch = s.at("arch");
  const int n_layer = number(s, "n_layer"), n_embd = number(s, "n_embd"), n_ff = number(s, "n_ff"),
            n_vocab = number(s, "n_vocab");
  const int n_head = number(s, "n_head"), n_head_kv = number(s, "n_head_kv", n_head),
            d = number(s, "head_dim", n_embd / std::max(1, n_head));
  const int q = n_head * d, kv = n_head_kv * d;
  const bool tied = number(s, "tied") != 0;
  quant::MixModel model;
  model.arch = arch, model.tied = tied;
  model.n_layer = model.n_value = n_layer;
  model.gqa = n_head_kv > 0 ? n_head / n_head_kv : 0;
  quant::Mix mix(info, model, false);
  std::vector<Planned> out;
  Status status = ok;
  const auto matrix = [&](const std::string& name, int64_t k, int64_t rows) {
    const auto wanted = mix.choose(name, {k, rows, 1, 1});
    const auto type = wanted ? quant::fallback_for(*wanted, k) : wanted;
    if (!type)
      status = type.error();
    else
      out.push_back({name, *type, {k, rows}});
  };
  const auto norm = [&](const std::string& name, int64_t n) {
    out.push_back({name, DType::f32, {n}, true});
  };
  matrix("token_embd.weight", n_embd, n_vocab);
  norm("output_norm.weight", n_embd);
  if (!tied) matrix("output.weight", n_embd, n_vocab);
  for (int i = 0; i < n_layer; ++i) {
    const std::string b = fmt::format("blk.{}.", i);
    norm(b + "attn_norm.weight", n_embd);
    matrix(b + "attn_q.weight", n_embd, q);
    matrix(b + "attn_k.weight", n_embd, kv);
    matrix(b + "attn_v.weight", n_embd, kv);
    if (arch == "qwen2") {
      for (const auto& [name, n] : {std::pair<const char*, int>{"attn_q.bias", q},
                                    {"attn_k.bias", kv},
                                    {"attn_v.bias", kv}})
        norm(b + name, n);
    }
    if (arch == "qwen3" || arch == "gemma3") {
      norm(b + "attn_q_norm.weight", d);
      norm(b + "attn_k_norm.weight", d);
    }
    matrix(b + "attn_output.weight", q, n_embd);
    if (arch == "gemma3") {
      norm(b + "post_attention_norm.weight", n_embd);
      norm(b + "post_ffw_norm.weight", n_embd);
    }
    norm(b + "ffn_norm.weight", n_embd);
    matrix(b + "ffn_gate.weight", n_embd, n_ff);
    matrix(b + "ffn_up.weight", n_embd, n_ff);
    matrix(b + "ffn_down.weight", n_ff, n_embd);
  }
  ENGINE_TRY_STATUS(status);
  return out;
}

void set_keys(const Sizes& s, const quant::MixInfo& mix, gguf::Writer& w) {
  const std::string arch = s.at("arch");
  const auto u32 = [&](const char* key, int v) {
    w.set(arch + "." + key, static_cast<uint32_t>(v));
  };
  const int n_head = number(s, "n_head"),
            d = number(s, "head_dim", number(s, "n_embd") / std::max(1, n_head));
  w.set("general.architecture", arch);
  w.set("general.name", "synthetic");
  w.set("general.file_type", static_cast<uint32_t>(mix.type));
  u32("block_count", number(s, "n_layer"));
  u32("context_length", number(s, "n_ctx", 131072));
  u32("embedding_length", number(s, "n_embd"));
  u32("feed_forward_length", number(s, "n_ff"));
  u32("attention.head_count", n_head);
  u32("attention.head_count_kv", number(s, "n_head_kv", n_head));
  u32("attention.key_length", d);
  u32("attention.value_length", d);
  if (arch == "llama") u32("rope.dimension_count", d);
  if (arch == "gemma3") u32("attention.sliding_window", number(s, "window", 1024));
  w.set(arch + ".attention.layer_norm_rms_epsilon", 1e-5f);
  w.set(arch + ".rope.freq_base", static_cast<float>(number(s, "rope_base", 10000)));
  u32("vocab_size", number(s, "n_vocab"));
  w.set("tokenizer.ggml.model", "no_vocab");
}

// Random bits are valid codes of every format; only the scales need care.
class RandomWeights {
 public:
  RandomWeights() {
    std::mt19937_64 random(7);
    for (auto& word : noise_) word = random();
  }
  Status emit(const Planned& t, const gguf::Emit& out) const {
    const int64_t row_elements = t.ne[0], rows = t.ne.size() > 1 ? t.ne[1] : 1;
    const size_t bytes = static_cast<size_t>(row_bytes(t.type, row_elements));
    // 32 different rows, handed out again and again: memory is read at full size either way.
    const int64_t different = std::min<int64_t>(rows, 32);
    std::vector<std::byte> block(bytes * static_cast<size_t>(different));
    fill(t, block);
    for (int64_t row = 0; row < rows; row += different) {
      const size_t n = bytes * static_cast<size_t>(std::min(different, rows - row));
      ENGINE_TRY_STATUS(out(std::span<const std::byte>(block).first(n)));
    }
    return ok;
  }

 private:
  void fill(const Planned& t, std::vector<std::byte>& bytes) const {
    if (t.type == DType::f32 || t.type == DType::f16 || t.type == DType::bf16) {
      const size_t size = static_cast<size_t>(traits(t.type).block_bytes);
      for (size_t i = 0; i * size < bytes.size(); ++i) {
        const float v =
            t.ones ? 1.0f
                   : 0.05f *
                         (static_cast<float>(noise_[i % noise_.size()] & 0xffff) / 32768.0f - 1.0f);
        uint32_t bits;
        std::memcpy(&bits, &v, 4);
        if (t.type == DType::f16) bits = float_to_half(v);
        if (t.type == DType::bf16) bits >>= 16;
        std::memcpy(bytes.data() + i * size, &bits, size);
      }
      return;
    }
    for (size_t at = 0; at < bytes.size(); at += sizeof noise_)
      std::memcpy(bytes.data() + at, noise_.data(), std::min(sizeof noise_, bytes.size() - at));
    const auto fields = std::find_if(std::begin(kScales), std::end(kScales),
                                     [&](const ScaleFields& f) { return f.type == t.type; });
    ENGINE_CHECK(fields != std::end(kScales), "every type of a mix has its scales");
    const size_t size = static_cast<size_t>(traits(t.type).block_bytes);
    const uint16_t scale = float_to_half(fields->scale), min = float_to_half(fields->min);
    for (size_t at = 0; at + size <= bytes.size(); at += size) {
      std::memcpy(bytes.data() + at + fields->scale_at, &scale, 2);
      if (fields->min_at >= 0) std::memcpy(bytes.data() + at + fields->min_at, &min, 2);
    }
  }

  // a prime number of words: blocks do not repeat in step with the rows
  std::array<uint64_t, 8191> noise_;
};

}  // namespace

std::vector<std::string> synth_shapes() {
  std::vector<std::string> out;
  for (const ShapeText& shape : shape_texts()) out.emplace_back(shape.name);
  return out;
}

Result<std::unique_ptr<Model>> load_synth(std::string_view spec, const LoadOptions& options,
                                          ThreadPool& pool) {
  const size_t colon = spec.rfind(':');
  const std::string_view shape = spec.substr(0, colon);
  const std::string type(colon == std::string_view::npos ? "Q4_K_M" : spec.substr(colon + 1));
  const ShapeText* text = nullptr;
  for (const ShapeText& s : shape_texts()) {
    if (s.name == shape) text = &s;
  }
  if (text == nullptr)
    return Error{Errc::invalid_argument, fmt::format("unknown shape '{}' (known: {})", shape,
                                                     fmt::join(synth_shapes(), ", "))};
  // Types that the quantizer cannot write have no scales here either.
  const quant::MixInfo* mix = quant::find_mix(type);
  if (mix == nullptr || quant::find_quantizer(mix->base, 0) == nullptr)
    return Error{Errc::invalid_argument,
                 fmt::format("unknown type '{}' (known: {})", type, quant::writable_mixes())};

  const Sizes sizes = parse_shape(text->text);
  ENGINE_TRY(tensors, plan_tensors(sizes, *mix));
  gguf::Writer writer;
  set_keys(sizes, *mix, writer);
  const auto source = std::make_shared<RandomWeights>();
  for (const Planned& t : tensors) {
    writer.add_tensor(t.name, t.type, t.ne,
                      [source, &t](const gguf::Emit& out) { return source->emit(t, out); });
  }
  auto bytes = writer.to_bytes();
  if (!bytes) return bytes.error();
  const auto owner = std::make_shared<std::vector<std::byte>>(std::move(*bytes));
  ENGINE_TRY(file, gguf::File::parse(*owner, "synth:" + std::string(spec)));
  return Model::load(std::move(file), owner, options, pool);
}

}  // namespace engine
