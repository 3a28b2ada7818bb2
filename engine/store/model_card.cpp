// Reads only metadata: the weights of the mapped file are never touched.
#include "engine/store/model_card.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "engine/store/describe.h"
#include "gguf/reader.h"

namespace engine {
namespace {

Json number_json(const gguf::Number& number) {
  return std::visit([](auto v) { return Json(v); }, number);
}

Json value_json(const gguf::Value& value, bool verbose) {
  if (value.type() == gguf::Type::str) return Json(repair_utf8(value.text()));
  if (!value.is_array()) return number_json(value.element(0));
  Json list = Json::array();
  if (value.count() == 0) return list;
  if (!verbose) return nullptr;
  if (value.element_type() == gguf::Type::str) {
    for (const std::string_view s : value.strings()) list.push_back(repair_utf8(s));
  } else if (value.element_type() != gguf::Type::arr) {
    for (size_t i = 0; i < value.count(); ++i) list.push_back(number_json(value.element(i)));
  }
  return list;
}

std::string upper(std::string s) {
  for (char& c : s) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return s;
}

int64_t number_key(const gguf::File& file, const std::string& key) {
  const auto value = file.u64(key, 0);
  return value && *value <= uint64_t{INT64_MAX} ? static_cast<int64_t>(*value) : 0;
}

Result<gguf::File> open_weights(const ModelRecord& record) {
  if (record.model_path.empty())
    return Error{Errc::corrupt, "model '" + record.name.short_form() + "' has no weights"};
  return record.shard_paths.empty() ? gguf::File::open(record.model_path)
                                    : gguf::File::open(record.shard_paths);
}

Json metadata_of(const gguf::File& file, bool verbose) {
  Json out = Json::object();
  for (const gguf::Value value : file.keys()) {
    if (value.key() == "general.name" || value.key() == "tokenizer.chat_template") continue;
    out[repair_utf8(value.key())] = value_json(value, verbose);
  }
  out["general.parameter_count"] = describe(file).n_params;
  return out;
}

}  // namespace

bool ModelCard::can(std::string_view capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

Result<ModelCard> read_model_card(const ModelRecord& record, const TemplateChoice& choice) {
  ENGINE_TRY(file, open_weights(record));
  ModelCard card;
  if (const auto arch = file.str("general.architecture", ""))
    card.architecture = std::string(*arch);
  if (const auto text = file.str("tokenizer.chat_template", ""))
    card.chat_template = repair_utf8(*text);
  std::optional<std::vector<std::string>> of_template;
  if (choice) of_template = choice(card.chat_template);
  card.capabilities = capabilities_of(
      file, record.config, of_template ? *of_template : jinja_capabilities(card.chat_template));
  if (!record.projector_paths.empty() && !card.can("vision")) card.capabilities.push_back("vision");
  card.context_length = number_key(file, card.architecture + ".context_length");
  card.embedding_length = number_key(file, card.architecture + ".embedding_length");
  return card;
}

Result<Json> metadata_json(const ModelRecord& record, bool verbose) {
  ENGINE_TRY(file, open_weights(record));
  return metadata_of(file, verbose);
}

Result<Json> projector_json(const ModelRecord& record, bool verbose) {
  if (record.projector_paths.empty()) return Json();
  ENGINE_TRY(file, gguf::File::open(record.projector_paths.front()));
  return metadata_of(file, verbose);
}

Result<Json> tensors_json(const ModelRecord& record) {
  ENGINE_TRY(file, open_weights(record));
  Json out = Json::array();
  for (const gguf::TensorInfo tensor : file.tensors()) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.rank; ++i) shape.push_back(tensor.ne[i]);
    out.push_back(Json{{"name", repair_utf8(tensor.name)},
                       {"type", upper(traits(tensor.dtype).name)},
                       {"shape", std::move(shape)}});
  }
  return out;
}

}  // namespace engine
