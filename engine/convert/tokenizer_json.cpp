// tokenizer.json, the file of the `tokenizers` library.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/convert/directory.h"
#include "engine/convert/pretokenizer.h"
#include "engine/convert/tokenizer.h"
#include "engine/core/base64.h"

namespace engine::convert {
namespace {

constexpr size_t kMaxJsonBytes = size_t{256} << 20;
constexpr size_t kMaxJsonTokens = size_t{1} << 23;

bool is_byte_token(std::string_view s) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return s.size() == 6 && s.starts_with("<0x") && hex(s[3]) && hex(s[4]) && s[5] == '>';
}

class TokenizerJson {
 public:
  TokenizerJson(const SortedJson& json, std::string path) : json_(json), path_(std::move(path)) {}

  Result<TokenizerData> read() {
    const SortedJson* model = member(json_, "model");
    if (model == nullptr || !model->is_object()) return corrupt("has no \"model\"");
    model_ = model;
    const std::string type = text_member(*model, "type");
    if (type == "WordPiece") {
      ENGINE_TRY_STATUS(read_wordpiece());
    } else if (type == "Unigram") {
      ENGINE_TRY_STATUS(read_unigram());
    } else if (type == "BPE" || (type.empty() && member(*model, "merges") != nullptr)) {
      ENGINE_TRY_STATUS(read_bpe());
    } else {
      return Error{
          Errc::unsupported,
          fmt::format("{}: tokenizers of the type \"{}\" are not supported; BPE, WordPiece "
                      "and Unigram are",
                      path_, type.substr(0, 64))};
    }
    ENGINE_TRY_STATUS(read_added());
    read_surroundings();
    return std::move(data_);
  }

 private:
  Error corrupt(const std::string& what) const {
    return {Errc::corrupt, fmt::format("{}: {}", path_, what)};
  }

  // {"text": id}; ids that no text has stay unused.
  Status read_vocab_map() {
    const SortedJson* vocab = member(*model_, "vocab");
    if (vocab == nullptr || !vocab->is_object() || vocab->empty())
      return corrupt("the model has no \"vocab\"");
    size_t size = 0;
    for (const SortedJson& id : *vocab) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxJsonTokens)
        return corrupt("\"vocab\" has an id that is none");
      size = std::max(size, id.get<size_t>() + 1);
    }
    data_.pad_to(size);
    for (auto it = vocab->begin(); it != vocab->end(); ++it) {
      const size_t id = it->get<size_t>();
      if (data_.kinds[id] != TokenKind::unused)
        return corrupt(fmt::format("two tokens have the id {}", id));
      data_.tokens[id] = it.key();
      data_.kinds[id] = TokenKind::normal;
    }
    return ok;
  }

  // "left right" or ["left", "right"].
  Status read_merges() {
    const SortedJson* merges = member(*model_, "merges");
    if (merges == nullptr || !merges->is_array()) return corrupt("the model has no \"merges\"");
    for (const SortedJson& m : *merges) {
      if (m.is_string() && m.get_ref<const std::string&>().find(' ', 1) != std::string::npos)
        data_.merges.push_back(m.get<std::string>());
      else if (m.is_array() && m.size() == 2 && m[0].is_string() && m[1].is_string())
        data_.merges.push_back(m[0].get<std::string>() + " " + m[1].get<std::string>());
      else
        return corrupt(fmt::format("merge {} is no pair of texts", data_.merges.size()));
    }
    return ok;
  }

  Status read_bpe() {
    ENGINE_TRY_STATUS(read_vocab_map());
    ENGINE_TRY_STATUS(read_merges());
    if (flag_member(*model_, "byte_fallback", false)) {
      rank_scores();
      return ok;
    }
    data_.model = "gpt2";
    const SortedJson* pre = member(json_, "pre_tokenizer");
    data_.pre = detect_pre(pre != nullptr ? *pre : SortedJson(), path_);
    return ok;
  }

  // BPE over plain text with byte tokens is what a SentencePiece model becomes in this file. Its
  // scores rank tokens as the first merge that makes them; what no merge makes comes last.
  void rank_scores() {
    data_.model = "llama";
    data_.pre = "default";
    std::unordered_map<std::string, float> rank;
    for (const std::string& merge : data_.merges) {
      const size_t space = merge.find(' ', 1);
      rank.emplace(merge.substr(0, space) + merge.substr(space + 1),
                   -static_cast<float>(rank.size()));
    }
    const float last = -static_cast<float>(rank.size() + 1);
    const std::string unknown = text_member(*model_, "unk_token");
    data_.scores.reserve(data_.tokens.size());
    for (size_t id = 0; id < data_.tokens.size(); ++id) {
      const std::string& token = data_.tokens[id];
      const auto it = rank.find(token);
      data_.scores.push_back(it == rank.end() ? last : it->second);
      if (is_byte_token(token)) data_.kinds[id] = TokenKind::byte;
      if (!unknown.empty() && token == unknown) data_.kinds[id] = TokenKind::unknown;
    }
    data_.merges.clear();
    data_.flags["add_space_prefix"] = prepends_space();
  }

  bool prepends_space() const {
    if (step_of(member(json_, "normalizer"), "Prepend") != nullptr) return true;
    const SortedJson* space = step_of(member(json_, "pre_tokenizer"), "Metaspace");
    if (space == nullptr) return false;
    const std::string scheme = text_member(*space, "prepend_scheme");
    return scheme.empty() ? flag_member(*space, "add_prefix_space", true) : scheme != "never";
  }

  Status read_wordpiece() {
    ENGINE_TRY_STATUS(read_vocab_map());
    data_.model = "bert";
    for (size_t id = 0; id < data_.tokens.size(); ++id)
      if (data_.kinds[id] == TokenKind::normal) data_.tokens[id] = wordpiece_text(data_.tokens[id]);
    const SortedJson* normalizer = step_of(member(json_, "normalizer"), "BertNormalizer");
    if (normalizer == nullptr) return ok;
    data_.flags["normalizer.lowercase"] = flag_member(*normalizer, "lowercase", true);
    if (const SortedJson* strip = member(*normalizer, "strip_accents");
        strip != nullptr && strip->is_boolean())
      data_.flags["normalizer.strip_accents"] = strip->get<bool>();
    return ok;
  }

  // Words are cut at any number of spaces, or runs of them are replaced.
  bool joins_spaces() const {
    if (step_of(member(json_, "pre_tokenizer"), "WhitespaceSplit") != nullptr) return true;
    return std::ranges::any_of(steps_of(member(json_, "normalizer")), [](const SortedJson* step) {
      const SortedJson* pattern = member(*step, "pattern");
      return text_member(*step, "type") == "Replace" && pattern != nullptr &&
             text_member(*pattern, "Regex") == " {2,}";
    });
  }

  // [["text", score], ...]
  Status read_unigram() {
    const SortedJson* vocab = member(*model_, "vocab");
    if (vocab == nullptr || !vocab->is_array() || vocab->empty() || vocab->size() > kMaxJsonTokens)
      return corrupt("the model has no \"vocab\"");
    data_.model = "t5";
    data_.pre = "default";
    for (const SortedJson& line : *vocab) {
      if (!line.is_array() || line.size() != 2 || !line[0].is_string() || !line[1].is_number())
        return corrupt(
            fmt::format("token {} is no pair of a text and a score", data_.tokens.size()));
      data_.tokens.push_back(line[0].get<std::string>());
      data_.scores.push_back(line[1].get<float>());
      data_.kinds.push_back(TokenKind::normal);
    }
    const SortedJson* unknown = member(*model_, "unk_id");
    if (unknown != nullptr && unknown->is_number_unsigned() &&
        unknown->get<uint64_t>() < data_.tokens.size()) {
      data_.kinds[unknown->get<size_t>()] = TokenKind::unknown;
      data_.ids["unknown"] = unknown->get<uint32_t>();
    }
    if (flag_member(*model_, "byte_fallback", false))
      for (size_t id = 0; id < data_.tokens.size(); ++id)
        if (is_byte_token(data_.tokens[id])) data_.kinds[id] = TokenKind::byte;
    data_.flags["add_space_prefix"] = prepends_space();
    data_.flags["remove_extra_whitespaces"] = joins_spaces();
    const SortedJson* map = step_of(member(json_, "normalizer"), "Precompiled");
    if (map == nullptr) return ok;
    const auto bytes = decode_base64(text_member(*map, "precompiled_charsmap"));
    if (!bytes) return corrupt("\"precompiled_charsmap\" is no base64");
    data_.charsmap = std::move(*bytes);
    return ok;
  }

  Status read_added() {
    const SortedJson* added = member(json_, "added_tokens");
    if (added == nullptr || !added->is_array()) return ok;
    for (const SortedJson& t : *added) {
      const SortedJson* id = member(t, "id");
      const int64_t number = id != nullptr && id->is_number_integer() ? id->get<int64_t>() : -1;
      ENGINE_TRY_STATUS(apply_added(
          data_, {number, text_member(t, "content"), flag_member(t, "special", false)}, path_));
    }
    return ok;
  }

  // post_processor: {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": ...}]}
  void read_surroundings() {
    const SortedJson* form = step_of(member(json_, "post_processor"), "TemplateProcessing");
    const SortedJson* single = form == nullptr ? nullptr : member(*form, "single");
    if (single == nullptr || !single->is_array() || single->size() < 2) return;
    const auto special = [](const SortedJson& step) {
      const SortedJson* token = member(step, "SpecialToken");
      return token == nullptr ? std::string() : text_member(*token, "id");
    };
    data_.begins_with = special(single->front());
    data_.ends_with = special(single->back());
    // "pair": <s> A </s> </s> B </s>
    const SortedJson* pair = member(*form, "pair");
    if (pair == nullptr || !pair->is_array() || data_.ends_with.empty()) return;
    const auto is_text = [](const SortedJson& step) { return member(step, "Sequence") != nullptr; };
    const auto first = std::ranges::find_if(*pair, is_text);
    if (pair->end() - first < 3 || special(first[1]) != data_.ends_with) return;
    data_.parts_pair = special(first[2]);
  }

  const SortedJson& json_;
  std::string path_;
  const SortedJson* model_ = nullptr;
  TokenizerData data_;
};

}  // namespace

Result<TokenizerData> read_tokenizer_json(const std::string& path) {
  ENGINE_TRY(json, read_json_file(path, kMaxJsonBytes));
  return parse_tokenizer_json(json, path);
}

Result<TokenizerData> parse_tokenizer_json(const SortedJson& json, const std::string& path) {
  return TokenizerJson(json, path).read();
}

}  // namespace engine::convert
