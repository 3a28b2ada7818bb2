#include "tests/support/hf_tokenizer.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/core/sorted_json.h"
#include "tests/support/hf_model.h"

namespace engine::testing {
namespace {

enum Kind : int32_t { normal = 1, unknown, control, user_defined, unused, byte };

struct Vocab {
  std::vector<std::string> tokens;
  std::vector<int32_t> kinds;
  std::vector<float> scores;
};

Vocab read(const gguf::File& file) {
  Vocab v;
  const auto tokens = file.strs("tokenizer.ggml.tokens");
  for (const std::string_view t : *tokens) v.tokens.emplace_back(t);
  v.kinds = *file.i32s("tokenizer.ggml.token_type");
  if (file.has("tokenizer.ggml.scores")) v.scores = *file.f32s("tokenizer.ggml.scores");
  return v;
}

bool filler(const std::string& token) {
  return token.starts_with("[PAD") && token.size() > 5;
}

SortedJson added_token(const Vocab& v, size_t id) {
  return {{"id", id}, {"content", v.tokens[id]}, {"special", v.kinds[id] != user_defined}};
}

std::string dump(const SortedJson& json) {
  return json.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
}

// Protocol buffers.
std::string varint(uint64_t v) {
  std::string out;
  for (; v >= 128; v >>= 7) out += static_cast<char>(v | 128);
  return out + static_cast<char>(v);
}
std::string field(int number, const std::string& bytes) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string number_field(int number, uint64_t v) {
  return varint(static_cast<uint64_t>(number) << 3) + varint(v);
}
std::string float_field(int number, float v) {
  std::string out = varint(static_cast<uint64_t>(number) << 3 | 5);
  out.append(reinterpret_cast<const char*>(&v), 4);
  return out;
}

}  // namespace

void write_bpe_tokenizer(const gguf::File& file, const std::string& pre_tokenizer, bool pairs,
                         const std::string& dir) {
  const Vocab v = read(file);
  SortedJson vocab = SortedJson::object(), added = SortedJson::array(),
             merges = SortedJson::array();
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (filler(v.tokens[id])) continue;
    if (v.kinds[id] == normal)
      vocab[v.tokens[id]] = id;
    else
      added.push_back(added_token(v, id));
  }
  const auto all_merges = file.strs("tokenizer.ggml.merges");
  for (const std::string_view m : *all_merges) {
    const size_t space = m.find(' ', 1);
    if (pairs)
      merges.push_back({std::string(m.substr(0, space)), std::string(m.substr(space + 1))});
    else
      merges.push_back(std::string(m));
  }
  write_text(dir + "/tokenizer.json",
             dump({{"added_tokens", added},
                   {"pre_tokenizer", *parse_sorted_json(pre_tokenizer)},
                   {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}}));
}

void write_byte_fallback_tokenizer(const gguf::File& file, bool space_prefix,
                                   const std::string& dir) {
  const Vocab v = read(file);
  std::unordered_map<std::string, size_t> ids;
  SortedJson vocab = SortedJson::object(), added = SortedJson::array(),
             merges = SortedJson::array();
  std::vector<size_t> by_score;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (filler(v.tokens[id])) continue;
    vocab[v.tokens[id]] = id;
    if (v.kinds[id] == control || v.kinds[id] == user_defined || v.kinds[id] == unknown)
      added.push_back(added_token(v, id));
    if (v.kinds[id] != normal) continue;
    ids[v.tokens[id]] = id;
    by_score.push_back(id);
  }
  std::ranges::stable_sort(by_score, [&](size_t a, size_t b) { return v.scores[a] > v.scores[b]; });
  // Every way to put a token together from two.
  for (const size_t id : by_score) {
    const std::string& token = v.tokens[id];
    for (size_t cut = 1; cut < token.size(); ++cut)
      if (ids.contains(token.substr(0, cut)) && ids.contains(token.substr(cut)))
        merges.push_back(token.substr(0, cut) + " " + token.substr(cut));
  }
  SortedJson normalizer = {{"type", "Sequence"}, {"normalizers", SortedJson::array()}};
  if (space_prefix)
    normalizer["normalizers"].push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  normalizer["normalizers"].push_back(
      {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}});
  write_text(dir + "/tokenizer.json", dump({{"added_tokens", added},
                                            {"normalizer", normalizer},
                                            {"pre_tokenizer", nullptr},
                                            {"model",
                                             {{"type", "BPE"},
                                              {"byte_fallback", true},
                                              {"unk_token", "<unk>"},
                                              {"vocab", vocab},
                                              {"merges", merges}}}}));
}

void write_sentencepiece(const gguf::File& file, bool space_prefix, const std::string& dir) {
  const Vocab v = read(file);
  std::string out;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (filler(v.tokens[id])) break;
    std::string text = v.tokens[id];
    if (v.kinds[id] == user_defined)  // such texts have marks for spaces there
      for (size_t at; (at = text.find(' ')) != std::string::npos;) text.replace(at, 1, "\u2581");
    std::string piece = field(1, text) + float_field(2, v.scores[id]);
    if (v.kinds[id] != normal) piece += number_field(3, static_cast<uint64_t>(v.kinds[id]));
    out += field(1, piece);
  }
  out += field(2, number_field(3, 2));  // the trainer: byte-pair encoding
  out += field(3, field(1, "identity") + number_field(3, space_prefix ? 1 : 0));
  write_text(dir + "/tokenizer.model", out);
}

void write_wordpiece_tokenizer(const gguf::File& file, bool txt, const std::string& dir) {
  const Vocab v = read(file);
  SortedJson vocab = SortedJson::object(), added = SortedJson::array();
  std::string lines;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const std::string& t = v.tokens[id];
    const bool kept = t.starts_with('[') && t.ends_with(']');
    const std::string piece = kept ? t : t.starts_with("\u2581") ? t.substr(3) : "##" + t;
    vocab[piece] = id;
    lines += piece + "\n";
    if (v.kinds[id] == control) added.push_back(added_token(v, id));
  }
  if (txt) return write_text(dir + "/vocab.txt", lines);
  write_text(dir + "/tokenizer.json",
             dump({{"added_tokens", added},
                   {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
                   {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                   {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocab}}}}));
}

void write_tokenizer_config(const gguf::File& file, const std::string& dir) {
  const Vocab v = read(file);
  SortedJson out = SortedJson::object();
  for (const auto& [key, name] : {std::pair("bos", "bos_token"), std::pair("eos", "eos_token"),
                                  std::pair("unknown", "unk_token")}) {
    const std::string full = std::string("tokenizer.ggml.") + key + "_token_id";
    if (file.has(full)) out[name] = {{"content", v.tokens[*file.u32(full)]}};
  }
  for (const char* flag : {"add_bos_token", "add_eos_token"})
    if (const std::string full = std::string("tokenizer.ggml.") + flag; file.has(full))
      out[flag] = *file.boolean(full);
  write_text(dir + "/tokenizer_config.json", dump(out));
}

}  // namespace engine::testing
