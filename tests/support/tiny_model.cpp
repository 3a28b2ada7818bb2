// Sizes: 2 layers, 64 wide, 4 heads over 2, feed-forward 128.
#include "tests/support/tiny_model.h"

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <vector>

#include "engine/core/half.h"
#include "gguf/writer.h"
#include "kernels/types/q4_1.h"
#include "kernels/types/q8_0.h"

namespace engine::testing {

const char* const kTinyTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or "
    "[] %}"
    "<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const char* const kTinyThinkingTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% else "
    "%}<think>\n\n</think>\n\n{% endif %}{% endif %}";

namespace {

constexpr uint32_t kEmbd = 64, kHeads = 4, kHeadsKv = 2, kFf = 128, kLayers = 2;

std::string utf8(uint32_t c) {
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
}

// Byte-level BPE writes every byte as a printable character: itself
// where it is one, else U+0100 and up.
std::array<std::string, 256> byte_texts() {
  std::array<std::string, 256> out;
  uint32_t next = 0x100;
  for (uint32_t b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    out[b] = utf8(printable ? b : next++);
  }
  return out;
}

struct Vocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  uint32_t eos = 0, end = 0;
};

std::string byte_level(const std::string& text) {
  std::string out;
  for (const char c : text) out += byte_texts()[static_cast<unsigned char>(c)];
  return out;
}

Vocabulary vocabulary(const std::vector<std::string>& script) {
  Vocabulary v;
  for (const std::string& text : byte_texts()) v.tokens.push_back(text);
  const std::string space = byte_texts()[' '];
  const std::pair<std::string, std::string> merges[] = {
      {"h", "e"},       {"t", "he"},    {"i", "n"},      {"e", "r"},     {"o", "n"},
      {"a", "n"},       {"r", "e"},     {"l", "l"},      {"o", "u"},     {"y", "ou"},
      {"i", "s"},       {"a", "t"},     {"he", "ll"},    {"hell", "o"},  {"s", "k"},
      {"sk", "y"},      {"b", "l"},     {"bl", "u"},     {"blu", "e"},   {space, "the"},
      {space, "is"},    {space, "sky"}, {space, "blue"}, {space, "a"},   {space, "you"},
      {"u", "s"},       {"us", "er"},   {"s", "y"},      {"sy", "s"},    {"sys", "t"},
      {"a", "s"},       {"as", "s"},    {"ass", "is"},   {"assis", "t"}, {"assist", "an"},
      {"assistan", "t"}};
  for (const auto& [left, right] : merges) {
    v.merges.push_back(left + " " + right);
    v.tokens.push_back(left + right);
  }
  v.types.assign(v.tokens.size(), 1);
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    v.tokens.push_back(special);
    v.types.push_back(3);
  }
  v.eos = static_cast<uint32_t>(v.tokens.size() - 3);
  v.end = static_cast<uint32_t>(v.tokens.size() - 1);
  for (const std::string& piece : script) {
    const bool control = piece.starts_with('<') && piece.ends_with('>');
    v.tokens.push_back(control ? piece : byte_level(piece));
    v.types.push_back(control ? 3 : 1);
  }
  return v;
}

template <DType T>
std::vector<std::byte> blocks(const std::vector<float>& x) {
  using B = Block<T>;
  std::vector<std::byte> out(x.size() / B::kElems * B::kBytes);
  for (size_t i = 0; i < x.size() / B::kElems; ++i)
    B::quantize(x.data() + i * B::kElems, out.data() + i * B::kBytes);
  return out;
}

Result<std::vector<std::byte>> encode(DType type, const std::vector<float>& x) {
  if (type == DType::q8_0) return blocks<DType::q8_0>(x);
  if (type == DType::q4_1) return blocks<DType::q4_1>(x);
  std::vector<std::byte> out;
  const auto append = [&](const auto& v) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&v);
    out.insert(out.end(), bytes, bytes + sizeof v);
  };
  if (type != DType::f32 && type != DType::f16)
    return Error{Errc::unsupported, "tiny models are f32, f16, q8_0 or q4_1"};
  for (const float v : x) {
    if (type == DType::f32)
      append(v);
    else
      append(float_to_half(v));
  }
  return out;
}

}  // namespace

Status write_tiny_model(const std::string& path, const TinyModel& o) {
  gguf::Writer w;
  Vocabulary v = vocabulary(o.script);
  if (o.other_vocabulary) std::swap(v.tokens['a'], v.tokens['b']);
  const std::string a = o.arch + ".";
  w.set("general.architecture", std::string_view(o.arch));
  w.set("general.name", std::string_view("tiny"));
  w.set(a + "context_length", o.n_ctx_train);
  w.set(a + "embedding_length", kEmbd);
  w.set(a + "block_count", kLayers);
  w.set(a + "feed_forward_length", kFf);
  w.set(a + "attention.head_count", kHeads);
  w.set(a + "attention.head_count_kv", kHeadsKv);
  w.set(a + "attention.layer_norm_rms_epsilon", 1e-5f);
  if (o.embedding) w.set(a + "pooling_type", uint32_t{1});
  w.set("tokenizer.ggml.model", std::string_view("gpt2"));
  w.set("tokenizer.ggml.pre", std::string_view("gpt-2"));
  w.set_array("tokenizer.ggml.tokens", std::span<const std::string>(v.tokens));
  w.set_array("tokenizer.ggml.token_type", v.types);
  w.set_array("tokenizer.ggml.merges", std::span<const std::string>(v.merges));
  w.set("tokenizer.ggml.eos_token_id", v.end);
  w.set("tokenizer.ggml.bos_token_id", v.eos);
  w.set("tokenizer.ggml.add_bos_token", false);
  if (o.endless)
    w.set_array("tokenizer.ggml.suppress_tokens",
                std::vector<int32_t>{static_cast<int32_t>(v.eos), static_cast<int32_t>(v.end)});
  if (!o.chat_template.empty()) w.set("tokenizer.chat_template", std::string_view(o.chat_template));

  std::mt19937 rng(o.seed);
  std::deque<std::vector<std::byte>> data;  // stable addresses: the writer keeps spans
  Status status = ok;
  const auto add = [&](const std::string& name, DType type, int64_t k, int64_t rows, float mean,
                       float spread) {
    std::vector<float> x(static_cast<size_t>(k * rows));
    // A plain uniform draw: std::normal_distribution differs between standard libraries.
    for (float& f : x)
      f = mean + spread * (static_cast<float>(rng() >> 8) / static_cast<float>(1 << 23) - 1.0f);
    auto bytes = encode(type, x);
    if (!bytes) return void(status = bytes.error());
    data.push_back(std::move(*bytes));
    const int64_t ne[] = {k, rows};
    w.add_tensor(name, type, std::span(ne).first(rows == 1 ? 1 : 2), data.back());
  };
  const bool zero = o.zero || !o.script.empty();
  const auto matrix = [&](const std::string& name, int64_t k, int64_t rows) {
    add(name, o.type, k, rows, 0, zero ? 0 : 0.35f);
  };
  // Every token has a random direction; that of the token in front leads to each piece of a script.
  const auto add_script = [&] {
    std::vector<float> table(v.tokens.size() * kEmbd), output(table.size());
    for (float& f : table) f = (rng() & 1) != 0 ? 1.0f : -1.0f;
    const size_t first = v.tokens.size() - o.script.size();
    size_t before = std::find(v.tokens.begin(), v.tokens.end(), byte_texts()['\n']) -
                    v.tokens.begin();  // the prompt ends with a line break
    for (size_t i = 0; i <= o.script.size(); ++i) {
      const size_t next = i < o.script.size() ? first + i : v.end;
      std::copy_n(&table[before * kEmbd], kEmbd, &output[next * kEmbd]);
      before = next;
    }
    for (const auto& [name, values] :
         {std::pair{"token_embd.weight", &table}, std::pair{"output.weight", &output}}) {
      auto bytes = encode(o.type, *values);
      if (!bytes) return void(status = bytes.error());
      data.push_back(std::move(*bytes));
      const int64_t ne[] = {kEmbd, static_cast<int64_t>(v.tokens.size())};
      w.add_tensor(name, o.type, ne, data.back());
    }
  };
  const auto vector = [&](const std::string& name, int64_t n, float mean) {
    add(name, DType::f32, n, 1, mean, 0.1f);
  };
  const int64_t kv = kEmbd / kHeads * kHeadsKv;
  if (o.script.empty()) matrix("token_embd.weight", kEmbd, static_cast<int64_t>(v.tokens.size()));
  vector("output_norm.weight", kEmbd, 1);
  if (o.script.empty()) matrix("output.weight", kEmbd, static_cast<int64_t>(v.tokens.size()));
  if (!o.script.empty()) add_script();
  for (uint32_t il = 0; il < kLayers; ++il) {
    const std::string p = "blk." + std::to_string(il) + ".";
    vector(p + "attn_norm.weight", kEmbd, 1);
    matrix(p + "attn_q.weight", kEmbd, kEmbd);
    matrix(p + "attn_k.weight", kEmbd, kv);
    matrix(p + "attn_v.weight", kEmbd, kv);
    if (o.arch == "qwen2") {
      vector(p + "attn_q.bias", kEmbd, 0);
      vector(p + "attn_k.bias", kv, 0);
      vector(p + "attn_v.bias", kv, 0);
    }
    matrix(p + "attn_output.weight", kEmbd, kEmbd);
    vector(p + "ffn_norm.weight", kEmbd, 1);
    matrix(p + "ffn_gate.weight", kEmbd, kFf);
    matrix(p + "ffn_up.weight", kEmbd, kFf);
    matrix(p + "ffn_down.weight", kFf, kEmbd);
  }
  ENGINE_TRY_STATUS(status);
  return w.write(path);
}

}  // namespace engine::testing
