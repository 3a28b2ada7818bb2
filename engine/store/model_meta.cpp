// The meta layer as JSON.
#include "engine/store/model_meta.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/hash_json.h"

namespace engine {

Result<ModelMeta> parse_meta(std::string_view text) {
  if (text.empty()) return ModelMeta();
  const Result<Json> json = parse_json(text);
  if (!json || !json->is_object())
    return Error{Errc::corrupt, "invalid description of a model: no JSON object"};
  ModelMeta meta;
  const auto read = [&json](const char* key, std::string& out) {
    if (const auto it = json->find(key); it != json->end() && it->is_string())
      out = it->get<std::string>();
  };
  read("name", meta.name);
  read("description", meta.description);
  if (const auto it = json->find("training"); it != json->end() && it->is_object())
    for (const auto& [key, value] : it->items())
      if (value.is_string()) meta.training.emplace_back(key, value.get<std::string>());
  std::sort(meta.training.begin(), meta.training.end());
  return meta;
}

std::string write_meta(const ModelMeta& meta) {
  Json json = Json::object();
  if (!meta.name.empty()) json["name"] = meta.name;
  if (!meta.description.empty()) json["description"] = meta.description;
  for (const auto& [key, value] : meta.training) json["training"][key] = value;
  return hash_json(json);
}

ModelMeta merge_meta(ModelMeta base, const ModelMeta& changes) {
  if (!changes.name.empty()) base.name = changes.name;
  if (!changes.description.empty()) base.description = changes.description;
  for (const auto& [key, value] : changes.training) {
    const auto it = std::find_if(base.training.begin(), base.training.end(),
                                 [&key = key](const auto& entry) { return entry.first == key; });
    if (it == base.training.end())
      base.training.emplace_back(key, value);
    else
      it->second = value;
  }
  std::sort(base.training.begin(), base.training.end());
  return base;
}

}  // namespace engine
