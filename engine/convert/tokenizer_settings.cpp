// The smaller files around a tokenizer: which tokens have a role, what stands around a text, the
// chat templates.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/convert/directory.h"
#include "engine/convert/model_config.h"
#include "engine/convert/tokenizer.h"

namespace engine::convert {
namespace {

struct SpecialLine {
  const char *key, *setting;
};
constexpr SpecialLine kSpecials[] = {
#define SPECIAL(key, setting) {key, setting},
#include "engine/convert/special_ids.inc"
};

// "<s>" or {"content": "<s>", ...}.
std::string token_text(const SortedJson& settings, const char* name) {
  const SortedJson* v = member(settings, name);
  if (v == nullptr) return "";
  return v->is_string() ? v->get<std::string>() : text_member(*v, "content");
}

class Settings {
 public:
  Settings(const std::string& dir, const ModelConfig& config, TokenizerData& data)
      : dir_(dir), config_(config), data_(data) {}

  Status read() {
    ENGINE_TRY(settings, read_json_file_if_any(dir_ + "/tokenizer_config.json"));
    ENGINE_TRY(special_map, read_json_file_if_any(dir_ + "/special_tokens_map.json"));
    ENGINE_TRY(generation, read_json_file_if_any(dir_ + "/generation_config.json"));
    read_ids({&settings, &special_map}, {&generation, &config_.json()});
    read_eos_list(generation);
    if (data_.model == "bert") finish_wordpiece(settings);
    read_flags(settings);
    return read_templates(settings);
  }

 private:
  std::optional<uint32_t> id_of(std::string_view text) const {
    if (text.empty()) return std::nullopt;
    for (size_t id = data_.tokens.size(); id-- > 0;)
      if (data_.tokens[id] == text) return static_cast<uint32_t>(id);
    return std::nullopt;
  }

  // By text where a file gives one, else by number.
  void read_ids(std::array<const SortedJson*, 2> by_text, std::array<const SortedJson*, 2> by_id) {
    for (const SpecialLine& line : kSpecials) {
      std::optional<uint32_t> id;
      for (const SortedJson* json : by_text)
        if (!id) id = id_of(token_text(*json, line.setting));
      for (const SortedJson* json : by_id) {
        const SortedJson* v = member(*json, std::string(line.setting) + "_id");
        if (v != nullptr && v->is_array() && !v->empty()) v = &(*v)[0];
        if (!id && v != nullptr && v->is_number_unsigned() &&
            v->get<uint64_t>() < data_.tokens.size())
          id = v->get<uint32_t>();
      }
      if (id) data_.ids[line.key] = *id;
    }
  }

  void read_eos_list(const SortedJson& generation) {
    const SortedJson* list = member(generation, "eos_token_id");
    if (list == nullptr || !list->is_array()) return;
    for (const SortedJson& id : *list)
      if (id.is_number_unsigned() && id.get<uint64_t>() < data_.tokens.size())
        data_.eos_ids.push_back(id.get<int32_t>());
  }

  // What vocab.txt does not say: which pieces are no text.
  void finish_wordpiece(const SortedJson& settings) {
    constexpr std::pair<const char*, const char*> kUsual[] = {{"unknown", "[UNK]"},
                                                              {"seperator", "[SEP]"},
                                                              {"padding", "[PAD]"},
                                                              {"cls", "[CLS]"},
                                                              {"mask", "[MASK]"}};
    for (const auto& [key, text] : kUsual)
      if (const auto id = id_of(text); id && !data_.ids.contains(key)) data_.ids[key] = *id;
    // A text begins with the classifier token, by the name that readers look for.
    if (const auto cls = data_.ids.find("cls"); cls != data_.ids.end())
      data_.ids["bos"] = cls->second;
    for (const auto& [key, id] : data_.ids) data_.kinds[id] = TokenKind::control;
    if (!data_.flags.contains("normalizer.lowercase"))
      data_.flags["normalizer.lowercase"] = flag_member(settings, "do_lower_case", true);
  }

  // What stands around a text: said outright, else by the template of the post-processor.
  void read_flags(const SortedJson& settings) {
    if (data_.model == "bert") return;
    const std::optional<uint32_t> first = id_of(data_.begins_with), last = id_of(data_.ends_with),
                                  parts = id_of(data_.parts_pair);
    const auto is = [&](const std::optional<uint32_t>& id, const char* key) {
      const auto it = data_.ids.find(key);
      return id && it != data_.ids.end() && it->second == *id;
    };
    if (is(first, "cls") && !data_.ids.contains("bos")) data_.ids["bos"] = *first;
    if (data_.model == "t5") {  // its tokenizer.json may stand alone
      if (first) data_.ids.try_emplace("bos", *first);
      if (last) data_.ids.try_emplace("eos", *last);
      if (parts) data_.ids.try_emplace("seperator", *parts);
    }
    if (is(parts, "seperator")) data_.flags["add_sep_token"] = true;
    if (is(first, "bos")) data_.flags["add_bos_token"] = true;
    if (is(last, "eos")) data_.flags["add_eos_token"] = true;
    for (const char* name : {"add_bos_token", "add_eos_token"})
      if (const SortedJson* v = member(settings, name); v != nullptr && v->is_boolean())
        data_.flags[name] = v->get<bool>();
  }

  Status read_templates(const SortedJson& settings) {
    const SortedJson* main = member(settings, "chat_template");
    if (main != nullptr && main->is_string()) data_.templates[""] = main->get<std::string>();
    if (main != nullptr && main->is_array())
      for (const SortedJson& t : *main) {
        const std::string name = text_member(t, "name");
        if (!name.empty())
          data_.templates[name == "default" ? "" : name] = text_member(t, "template");
      }
    ENGINE_TRY(json, read_json_file_if_any(dir_ + "/chat_template.json"));
    if (const std::string text = text_member(json, "chat_template"); !text.empty())
      data_.templates[""] = text;
    if (const std::string path = dir_ + "/chat_template.jinja"; file_exists(path)) {
      ENGINE_TRY(text, read_small_file(path));
      data_.templates[""] = text;
    }
    return read_more_templates();
  }

  // additional_chat_templates/NAME.jinja
  Status read_more_templates() {
    std::error_code ec;
    const std::string folder = dir_ + "/additional_chat_templates";
    for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end;
         it.increment(ec)) {
      if (it->path().extension() != ".jinja") continue;
      ENGINE_TRY(text, read_small_file(it->path().string()));
      data_.templates[it->path().stem().string()] = text;
    }
    return ok;
  }

  const std::string& dir_;
  const ModelConfig& config_;
  TokenizerData& data_;
};

}  // namespace

Status read_tokenizer_settings(const std::string& dir, const ModelConfig& config,
                               TokenizerData& data) {
  return Settings(dir, config, data).read();
}

}  // namespace engine::convert
