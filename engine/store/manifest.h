// The manifest of a model (JSON, one per name) and the config blob it points at. Written with the
// keys and the order Ollama uses; unknown keys and unknown layer types are accepted when read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

namespace media {
inline constexpr std::string_view kManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kModel = "application/vnd.ollama.image.model";
inline constexpr std::string_view kProjector = "application/vnd.ollama.image.projector";
inline constexpr std::string_view kAdapter = "application/vnd.ollama.image.adapter";
inline constexpr std::string_view kDraft = "application/vnd.ollama.image.draft";
inline constexpr std::string_view kTemplate = "application/vnd.ollama.image.template";
// old name of template
inline constexpr std::string_view kPrompt = "application/vnd.ollama.image.prompt";
inline constexpr std::string_view kSystem = "application/vnd.ollama.image.system";
inline constexpr std::string_view kParams = "application/vnd.ollama.image.params";
inline constexpr std::string_view kMessages = "application/vnd.ollama.image.messages";
inline constexpr std::string_view kLicense = "application/vnd.ollama.image.license";
inline constexpr std::string_view kTensor = "application/vnd.ollama.image.tensor";
inline constexpr std::string_view kJson = "application/vnd.ollama.image.json";
inline constexpr std::string_view kEmbed = "application/vnd.ollama.image.embed";  // obsolete
// Name, description and recorded training settings of a Modelfile, a JSON object. A type of ours:
// other programs keep layers of a type they do not know.
inline constexpr std::string_view kMeta = "application/vnd.engine.image.meta";
}  // namespace media

struct Layer {
  std::string media_type, digest;  // digest "sha256:<64 hex>"
  int64_t size = 0;
  std::string from, name;  // optional; from: parent model or file name
};

struct Manifest {
  Layer config;  // an empty digest is legal (old manifests)
  std::vector<Layer> layers;

  const Layer* find(std::string_view media_type) const;  // the last one of the type; nullptr: none
  int64_t total_size() const;                            // layers and config
};

// Errc::corrupt says what is wrong: not an object, a digest not of the form sha256:<64 hex>, a
// negative size, above 4 MiB.
Result<Manifest> parse_manifest(std::string_view text);
std::string write_manifest(const Manifest& manifest);

// What the config blob says of a model; empty strings where it is silent.
struct ModelConfig {
  std::string format = "gguf";
  std::string family;                 // general.architecture
  std::vector<std::string> families;  // one entry per model layer
  std::string parameter_size;         // "134.52M"
  std::string file_type;              // "Q4_K_M"
  std::string renderer, parser, requires_version, remote_host, remote_model;
  std::vector<std::string> capabilities;
  int64_t context_length = 0, embedding_length = 0;  // of hosted models; 0: not set
  std::string base_name;                             // of hosted models
  std::string draft;  // JSON object about the draft model, kept as it is; "": none
};

Result<ModelConfig> parse_config(std::string_view text);
std::string write_config(const ModelConfig& config);

}  // namespace engine
