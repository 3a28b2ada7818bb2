// ModelStore::create: a GGUF file and texts become layers, a config and a manifest.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/describe.h"
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
  if (!spec.params.empty()) {
    ENGINE_TRY(params, parse_json(spec.params));
    if (!params.is_object())
      return Error{Errc::invalid_argument, "the parameters of a model must be a JSON object"};
  }

  std::error_code ec;
  std::filesystem::create_directories(blobs_.folder(), ec);
  const StoreLock lock(root_, StoreLock::shared);
  Manifest manifest;
  ENGINE_TRY(source, source_of_file(spec.gguf_path));
  ENGINE_TRY(weights, put_blob("", source));
  manifest.layers.push_back({std::string(media::kModel), weights.digest, weights.size, "", ""});
  const auto add = [&](std::string_view type, const std::string& text) -> Status {
    if (text.empty()) return ok;
    ENGINE_TRY(layer, put_layer(type, text));
    manifest.layers.push_back(std::move(layer));
    return ok;
  };
  ENGINE_TRY_STATUS(add(media::kTemplate, spec.template_text));
  ENGINE_TRY_STATUS(add(media::kSystem, spec.system));
  for (const std::string& license : spec.licenses) ENGINE_TRY_STATUS(add(media::kLicense, license));
  ENGINE_TRY_STATUS(add(media::kParams, spec.params));
  ENGINE_TRY(config_layer, put_layer(media::kConfig, write_config(config)));
  manifest.config = std::move(config_layer);
  ENGINE_TRY_STATUS(write(name, manifest));
  return find(name);
}

}  // namespace engine
