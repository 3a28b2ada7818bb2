#include "engine/model/vocab.h"

#include <fmt/format.h>

#include "engine/core/base64.h"

namespace engine {
namespace {

struct IdKey {
  const char* key;
  Token SpecialIds::*id;
};

// Later lines win: the separator is misspelled in the format, and the last three are old names of
// the fill-in-the-middle roles.
constexpr IdKey kIdKeys[] = {
    {"bos_token_id", &SpecialIds::bos},         {"eos_token_id", &SpecialIds::eos},
    {"eot_token_id", &SpecialIds::eot},         {"eom_token_id", &SpecialIds::eom},
    {"unknown_token_id", &SpecialIds::unk},     {"padding_token_id", &SpecialIds::pad},
    {"mask_token_id", &SpecialIds::mask},       {"separator_token_id", &SpecialIds::sep},
    {"seperator_token_id", &SpecialIds::sep},   {"fim_pre_token_id", &SpecialIds::fim_pre},
    {"fim_suf_token_id", &SpecialIds::fim_suf}, {"fim_mid_token_id", &SpecialIds::fim_mid},
    {"fim_pad_token_id", &SpecialIds::fim_pad}, {"fim_rep_token_id", &SpecialIds::fim_rep},
    {"fim_sep_token_id", &SpecialIds::fim_sep}, {"prefix_token_id", &SpecialIds::fim_pre},
    {"suffix_token_id", &SpecialIds::fim_suf},  {"middle_token_id", &SpecialIds::fim_mid},
};

struct FlagKey {
  const char* key;
  std::optional<bool> VocabData::*flag;
};

constexpr FlagKey kFlagKeys[] = {
    {"add_bos_token", &VocabData::add_bos},
    {"add_eos_token", &VocabData::add_eos},
    {"add_sep_token", &VocabData::add_sep},
    {"add_space_prefix", &VocabData::add_space_prefix},
    {"remove_extra_whitespaces", &VocabData::remove_extra_whitespaces},
    {"normalizer.lowercase", &VocabData::lowercase},
    {"normalizer.strip_accents", &VocabData::strip_accents},
};

std::string full_key(const char* key) {
  return fmt::format("tokenizer.ggml.{}", key);
}

Status read_ids(const gguf::File& file, SpecialIds& ids) {
  for (const IdKey& k : kIdKeys) {
    const std::string key = full_key(k.key);
    if (!file.has(key)) continue;
    ENGINE_TRY(id, file.get<int64_t>(key));
    // Some writers store "none" as the largest number: an id that no vocabulary has says the same.
    ids.*k.id = id >= 0 && id < INT32_MAX ? static_cast<Token>(id) : kNoToken;
  }
  return ok;
}

Status read_flags(const gguf::File& file, VocabData& data) {
  for (const FlagKey& k : kFlagKeys) {
    const std::string key = full_key(k.key);
    if (!file.has(key)) continue;
    ENGINE_TRY(flag, file.boolean(key));
    data.*k.flag = flag;
  }
  return ok;
}

Status read_lists(const gguf::File& file, VocabData& data) {
  if (const std::string key = full_key("tokens"); file.has(key)) {
    ENGINE_TRY(tokens, file.strs(key));
    data.tokens = tokens.to_vector();
  }
  if (const std::string key = full_key("merges"); file.has(key)) {
    ENGINE_TRY(merges, file.strs(key));
    data.merges = merges.to_vector();
  }
  if (const std::string key = full_key("scores"); file.has(key)) {
    ENGINE_TRY(scores, file.f32s(key));
    data.scores = std::move(scores);
  }
  if (const std::string key = full_key("token_type"); file.has(key)) {
    ENGINE_TRY(types, file.i32s(key));
    data.types = std::move(types);
  }
  if (const std::string key = full_key("suppress_tokens"); file.has(key)) {
    ENGINE_TRY(suppressed, file.i32s(key));
    data.suppressed = std::move(suppressed);
  }
  return ok;
}

// Bytes, or strings that make base64 text when put together: one writer stores a character in each.
Status read_charsmap(const gguf::File& file, VocabData& data) {
  const std::string key = full_key("precompiled_charsmap");
  const std::optional<gguf::Value> value = file.key(key);
  if (!value) return ok;
  const gguf::Type type = value->element_type();
  if (value->is_array() && (type == gguf::Type::u8 || type == gguf::Type::i8)) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(value->data());
    data.charsmap.assign(bytes, bytes + value->count());
    return ok;
  }
  ENGINE_TRY(parts, file.strs(key));
  std::string text;
  for (const std::string_view part : parts) text += part;
  std::optional<std::vector<uint8_t>> bytes = decode_base64(text);
  if (!bytes) return Error{Errc::corrupt, fmt::format("key '{}' is no base64 text", key)};
  data.charsmap = std::move(*bytes);
  return ok;
}

Status read_templates(const gguf::File& file, VocabData& data) {
  ENGINE_TRY(main, file.str("tokenizer.chat_template", ""));
  data.chat_template = main;
  constexpr std::string_view kPrefix = "tokenizer.chat_template.";
  for (const gguf::Value value : file.keys()) {
    if (!value.key().starts_with(kPrefix) || value.type() != gguf::Type::str) continue;
    data.named_templates.emplace_back(value.key().substr(kPrefix.size()), value.text());
  }
  return ok;
}

}  // namespace

Result<VocabData> read_vocab(const gguf::File& file) {
  VocabData data;
  ENGINE_TRY(model, file.str("tokenizer.ggml.model"));
  data.model = model;
  if (file.has("tokenizer.ggml.pre")) {
    ENGINE_TRY(pre, file.str("tokenizer.ggml.pre"));
    data.pre = std::string(pre);
  }
  ENGINE_TRY(name, file.str("general.name", ""));
  data.name = name;
  ENGINE_TRY(arch, file.str("general.architecture", ""));
  data.arch = arch;
  ENGINE_TRY(dummy_size, file.get<int64_t>(data.arch + ".vocab_size", 0));
  data.dummy_size = dummy_size;

  ENGINE_TRY_STATUS(read_lists(file, data));
  ENGINE_TRY_STATUS(read_ids(file, data.ids));
  ENGINE_TRY_STATUS(read_flags(file, data));
  ENGINE_TRY_STATUS(read_charsmap(file, data));
  ENGINE_TRY_STATUS(read_templates(file, data));
  return data;
}

}  // namespace engine
