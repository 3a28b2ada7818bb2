// Manifests and configs: JSON to structs and back.
#include "engine/store/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/hash_json.h"
#include "engine/store/name.h"

namespace engine {
namespace {

constexpr size_t kMaxManifestBytes = size_t{4} << 20;
constexpr size_t kMaxLayers = 65536;

Error corrupt(std::string what) {
  return {Errc::corrupt, "invalid manifest: " + std::move(what)};
}

// 0 when the key is missing, no whole number, or negative.
int64_t count_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? std::max<int64_t>(0, it->get<int64_t>())
                                                       : 0;
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> out;
  if (const auto it = object.find(key); it != object.end() && it->is_array()) {
    for (const Json& item : *it) {
      if (item.is_string()) out.push_back(item.get<std::string>());
    }
  }
  return out;
}

Result<Layer> parse_layer(const Json& json, bool may_be_empty) {
  if (!json.is_object()) return corrupt("a layer is not an object");
  Layer layer;
  layer.media_type = text_of(json, "mediaType");
  layer.digest = text_of(json, "digest");
  layer.from = text_of(json, "from");
  layer.name = text_of(json, "name");
  if (!(may_be_empty && layer.digest.empty()) && !valid_digest(layer.digest)) {
    return corrupt("invalid digest format \"" + layer.digest + "\"");
  }
  if (!layer.digest.empty()) layer.digest = plain_digest(layer.digest);
  if (const auto it = json.find("size"); it != json.end()) {
    if (!it->is_number_integer()) return corrupt("a size is not an integer");
    layer.size = it->get<int64_t>();
    if (layer.size < 0) return corrupt("a size is negative");
  }
  return layer;
}

Json layer_json(const Layer& layer) {
  Json json = {{"mediaType", layer.media_type}, {"digest", layer.digest}, {"size", layer.size}};
  if (!layer.from.empty()) json["from"] = layer.from;
  if (!layer.name.empty()) json["name"] = layer.name;
  return json;
}

}  // namespace

const Layer* Manifest::find(std::string_view media_type) const {
  const Layer* found = nullptr;
  for (const Layer& layer : layers) {
    if (layer.media_type == media_type) found = &layer;
  }
  return found;
}

int64_t Manifest::total_size() const {
  // unsigned: hostile sizes may wrap, never trap
  uint64_t sum = static_cast<uint64_t>(config.size);
  for (const Layer& layer : layers) sum += static_cast<uint64_t>(layer.size);
  return static_cast<int64_t>(sum & INT64_MAX);
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kMaxManifestBytes) return corrupt("larger than 4 MiB");
  ENGINE_TRY(json, parse_json(text));
  if (!json.is_object()) return corrupt("not an object");
  Manifest manifest;
  if (const auto it = json.find("config"); it != json.end() && !it->is_null()) {
    ENGINE_TRY(config, parse_layer(*it, true));
    manifest.config = std::move(config);
  }
  if (const auto it = json.find("layers"); it != json.end() && !it->is_null()) {
    if (!it->is_array()) return corrupt("layers is not a list");
    if (it->size() > kMaxLayers) return corrupt("too many layers");
    for (const Json& item : *it) {
      ENGINE_TRY(layer, parse_layer(item, false));
      manifest.layers.push_back(std::move(layer));
    }
  }
  return manifest;
}

std::string write_manifest(const Manifest& manifest) {
  Json layers = Json::array();
  for (const Layer& layer : manifest.layers) layers.push_back(layer_json(layer));
  const Json json = {{"schemaVersion", 2},
                     {"mediaType", media::kManifest},
                     {"config", layer_json(manifest.config)},
                     {"layers", layers}};
  return hash_json(json);
}

Result<ModelConfig> parse_config(std::string_view text) {
  if (text.size() > kMaxManifestBytes)
    return Error{Errc::corrupt, "invalid model config: larger than 4 MiB"};
  ENGINE_TRY(json, parse_json(text));
  if (!json.is_object()) return Error{Errc::corrupt, "invalid model config: not an object"};
  ModelConfig c;
  c.format = text_of(json, "model_format");
  if (c.format.empty()) c.format = "gguf";
  c.family = text_of(json, "model_family");
  c.families = texts_of(json, "model_families");
  c.parameter_size = text_of(json, "model_type");
  c.file_type = text_of(json, "file_type");
  c.renderer = text_of(json, "renderer");
  c.parser = text_of(json, "parser");
  c.requires_version = text_of(json, "requires");
  c.remote_host = text_of(json, "remote_host");
  c.remote_model = text_of(json, "remote_model");
  c.capabilities = texts_of(json, "capabilities");
  c.context_length = count_of(json, "context_length");
  c.embedding_length = count_of(json, "embedding_length");
  c.base_name = text_of(json, "base_name");
  if (const auto it = json.find("draft"); it != json.end() && it->is_object() && !it->empty())
    c.draft = dump_json(*it);
  return c;
}

std::string write_config(const ModelConfig& c) {
  Json json = {{"model_format", c.format},
               {"model_family", c.family},
               {"model_families", c.families.empty() ? Json(nullptr) : Json(c.families)},
               {"model_type", c.parameter_size},
               {"file_type", c.file_type}};
  const auto add = [&json](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("renderer", c.renderer);
  add("parser", c.parser);
  add("requires", c.requires_version);
  add("remote_host", c.remote_host);
  add("remote_model", c.remote_model);
  if (!c.capabilities.empty()) json["capabilities"] = c.capabilities;
  if (c.context_length > 0) json["context_length"] = c.context_length;
  if (c.embedding_length > 0) json["embedding_length"] = c.embedding_length;
  add("base_name", c.base_name);
  if (!c.draft.empty()) {
    if (const auto draft = parse_json(c.draft); draft && draft->is_object()) json["draft"] = *draft;
  }
  json["architecture"] = "amd64";
  json["os"] = "linux";
  return hash_json(json);
}

}  // namespace engine
