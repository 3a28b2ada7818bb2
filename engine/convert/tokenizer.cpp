#include "engine/convert/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"
#include "engine/convert/model_config.h"
#include "engine/core/log.h"

namespace engine::convert {
namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 23;

bool looks_special(std::string_view s) {
  const auto framed = [&](std::string_view a, std::string_view b) {
    return s.size() >= a.size() + b.size() && s.starts_with(a) && s.ends_with(b);
  };
  return framed("<|", "|>") || framed("<｜", "｜>") || framed("<unused", ">") || s == "<pad>" ||
         s == "<mask>" || s == "<2mass>" || s == "[@BOS@]" || s == "<start_of_turn>" ||
         s == "<end_of_turn>";
}

// added_tokens.json: {"text": id}.
Status read_added_tokens(const std::string& dir, TokenizerData& data) {
  const std::string path = dir + "/added_tokens.json";
  ENGINE_TRY(json, read_json_file_if_any(path));
  for (auto it = json.begin(); it != json.end(); ++it)
    if (it->is_number_integer())
      ENGINE_TRY_STATUS(apply_added(data, {it->get<int64_t>(), it.key(), false}, path));
  return ok;
}

// tokenizer_config.json: "added_tokens_decoder": {"32000": {"content": "<|x|>", "special": true}}.
Status read_added_decoder(const std::string& dir, TokenizerData& data) {
  const std::string path = dir + "/tokenizer_config.json";
  ENGINE_TRY(json, read_json_file_if_any(path));
  const SortedJson* decoder = member(json, "added_tokens_decoder");
  if (decoder == nullptr || !decoder->is_object()) return ok;
  for (auto it = decoder->begin(); it != decoder->end(); ++it) {
    int64_t id = -1;
    const std::string& key = it.key();
    std::from_chars(key.data(), key.data() + key.size(), id);
    ENGINE_TRY_STATUS(apply_added(
        data, {id, text_member(*it, "content"), flag_member(*it, "special", false)}, path));
  }
  return ok;
}

Result<TokenizerData> read_vocabulary(const std::string& dir) {
  const std::string model = dir + "/tokenizer.model", json = dir + "/tokenizer.json",
                    txt = dir + "/vocab.txt";
  if (file_exists(model)) {
    auto data = read_sentencepiece(model);
    // Llama 3 has a file of this name in another format, and a tokenizer.json beside it.
    if (data || !file_exists(json)) return data;
    log_warn("{}; {} is read instead", data.error().message, json);
  }
  if (file_exists(json)) return read_tokenizer_json(json);
  if (file_exists(txt)) return read_vocab_txt(txt);
  const char* hint = "";
  if (file_exists(dir + "/vocab.json"))
    hint =
        "; vocab.json and merges.txt alone do not tell how words are split: save the tokenizer "
        "with "
        "save_pretrained()";
  for (const char* name : {"/sentencepiece.bpe.model", "/spiece.model"})
    if (file_exists(dir + name))
      hint =
          "; the SentencePiece file alone does not tell the ids of its tokens: save the tokenizer "
          "as tokenizer.json with AutoTokenizer.from_pretrained(...).save_pretrained()";
  return Error{
      Errc::not_found,
      fmt::format("{}: no tokenizer: expected tokenizer.model, tokenizer.json or vocab.txt{}", dir,
                  hint)};
}

}  // namespace

std::string with_spaces(std::string_view piece) {
  constexpr std::string_view kMark = "\u2581";
  std::string out;
  for (size_t at = 0;;) {
    const size_t hit = piece.find(kMark, at);
    out += piece.substr(at, hit - at);
    if (hit == std::string_view::npos) return out;
    out += ' ';
    at = hit + kMark.size();
  }
}

void TokenizerData::pad_to(size_t size) {
  for (size_t id = tokens.size(); id < size; ++id) {
    tokens.push_back(fmt::format("[PAD{}]", id));
    kinds.push_back(TokenKind::unused);
    if (!scores.empty()) scores.push_back(-10000.0f);
  }
}

void TokenizerData::cut_to(size_t size) {
  if (size >= tokens.size()) return;
  tokens.resize(size);
  kinds.resize(size);
  if (!scores.empty()) scores.resize(size);
  std::erase_if(ids, [&](const auto& item) { return item.second >= size; });
  std::erase_if(eos_ids, [&](int32_t id) { return static_cast<size_t>(id) >= size; });
}

Status apply_added(TokenizerData& data, const AddedToken& token, const std::string& path) {
  if (token.id < 0 || token.id >= kMaxTokens)
    return Error{Errc::corrupt, fmt::format("{}: token '{}' has the id {}, which is none", path,
                                            token.text.substr(0, 128), token.id)};
  const size_t id = static_cast<size_t>(token.id);
  data.pad_to(id + 1);
  const bool control = token.special || looks_special(token.text);
  if (data.kinds[id] != TokenKind::unknown)
    data.kinds[id] = control ? TokenKind::control : TokenKind::user_defined;
  data.tokens[id] = data.model == "llama" && !control ? with_spaces(token.text) : token.text;
  if (!data.scores.empty()) data.scores[id] = -1000.0f;
  return ok;
}

Result<TokenizerData> read_tokenizer(const std::string& dir, const ModelConfig& config) {
  ENGINE_TRY(data, read_vocabulary(dir));
  ENGINE_TRY_STATUS(read_added_tokens(dir, data));
  ENGINE_TRY_STATUS(read_added_decoder(dir, data));
  ENGINE_TRY_STATUS(read_tokenizer_settings(dir, config, data));
  return std::move(data);
}

void write_tokenizer(const TokenizerData& data, gguf::Writer& writer) {
  const auto key = [](const std::string& name) { return "tokenizer.ggml." + name; };
  writer.set(key("model"), data.model);
  if (!data.pre.empty()) writer.set(key("pre"), data.pre);
  writer.set_array(key("tokens"), std::span<const std::string>(data.tokens));
  if (!data.scores.empty()) writer.set_array(key("scores"), data.scores);
  std::vector<int32_t> kinds;
  for (const TokenKind k : data.kinds) kinds.push_back(static_cast<int32_t>(k));
  writer.set_array(key("token_type"), kinds);
  if (!data.merges.empty())
    writer.set_array(key("merges"), std::span<const std::string>(data.merges));
  for (const auto& [name, id] : data.ids) writer.set(key(name + "_token_id"), id);
  if (data.eos_ids.size() > 1) writer.set_array(key("eos_token_ids"), data.eos_ids);
  for (const auto& [name, flag] : data.flags) writer.set(key(name), flag);
  if (!data.charsmap.empty()) writer.set_array(key("precompiled_charsmap"), data.charsmap);
  std::vector<std::string> names;
  for (const auto& [name, text] : data.templates) {
    writer.set(name.empty() ? "tokenizer.chat_template" : "tokenizer.chat_template." + name, text);
    if (!name.empty()) names.push_back(name);
  }
  if (!names.empty())
    writer.set_array("tokenizer.chat_templates", std::span<const std::string>(names));
}

}  // namespace engine::convert
