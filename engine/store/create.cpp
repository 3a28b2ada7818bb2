// ModelStore::create: a GGUF file and texts become layers, a config and a manifest.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/json_io.h"
#include "engine/store/describe.h"
#include "engine/store/hash_json.h"
#include "engine/store/model_store.h"
#include "engine/store/store_lock.h"

namespace engine {

Result<ModelRecord> ModelStore::create(const ModelName& name, const CreateSpec& spec) const {
  ModelConfig config;
  {
    ENGINE_TRY(file, gguf::File::open(spec.gguf_path));
    if (file.shards() > 1) {
      return Error{
          Errc::unsupported,
          spec.gguf_path +
              " is one part of a split file; merge the parts before adding it to the store"};
    }
    const GgufFacts facts = describe(file);
    config.family = facts.architecture;
    config.families = {facts.architecture};
    config.parameter_size = parameter_text(facts.n_params);
    config.file_type = facts.file_type;
  }
  std::string params;
  if (!spec.params.empty()) {
    ENGINE_TRY(json, parse_json(spec.params));
    if (!json.is_object())
      return Error{Errc::invalid_argument, "the parameters of a model must be a JSON object"};
    params = hash_json(json, KeyOrder::sorted);
  }
  const std::optional<Manifest> old = manifest(name);
  ENGINE_TRY_STATUS(add(name, spec, params, config));
  if (old) ENGINE_TRY_STATUS(remove_unused(*old));
  return find(name);
}

// From the first blob to the manifest.
Status ModelStore::add(const ModelName& name, const CreateSpec& spec, const std::string& params,
                       const ModelConfig& config) const {
  const StoreLock lock(root_, StoreLock::shared);
  Manifest manifest;
  ENGINE_TRY(source, source_of_file(spec.gguf_path));
  std::error_code ec;
  const auto size = std::filesystem::file_size(spec.gguf_path, ec);
  ENGINE_TRY(weights, put_blob("", source, ec ? -1 : static_cast<int64_t>(size)));
  manifest.layers.push_back({std::string(media::kModel), weights.digest, weights.size, "", ""});
  const auto add_text = [&](std::string_view type, const std::string& text) -> Status {
    if (text.empty()) return ok;
    ENGINE_TRY(layer, put_layer(type, text));
    manifest.layers.push_back(std::move(layer));
    return ok;
  };
  ENGINE_TRY_STATUS(add_text(media::kTemplate, spec.template_text));
  ENGINE_TRY_STATUS(add_text(media::kSystem, spec.system));
  for (const std::string& license : spec.licenses)
    ENGINE_TRY_STATUS(add_text(media::kLicense, license));
  ENGINE_TRY_STATUS(add_text(media::kParams, params));
  ENGINE_TRY(config_layer, put_layer(media::kConfig, write_config(config)));
  manifest.config = std::move(config_layer);
  return write_bytes(name, write_manifest(manifest));
}

}  // namespace engine
