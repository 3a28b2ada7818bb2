// ModelName: the four parts of a model's name, as Ollama's store and registry read them
// (`host/namespace/model:tag`). Digests ("sha256:...") are not part of a name.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/result.h"

namespace engine {

// The host an unqualified name belongs to: the folder under manifests/
// of every existing store that has a child "library".
inline constexpr std::string_view kDefaultHost = "registry.ollama.ai";
inline constexpr std::string_view kDefaultNamespace = "library";
inline constexpr std::string_view kDefaultTag = "latest";

struct ModelName {
  std::string scheme = "https";
  std::string host, space, model, tag;  // space: the namespace

  // "host/namespace/model:tag".
  std::string full() const;
  // Host and namespace only where they are not the defaults; model and tag always.
  std::string short_form() const;
  // Equal but for the case of letters (ASCII); the scheme does not count.
  bool same(const ModelName& other) const;
  bool operator==(const ModelName&) const = default;
};

// Missing parts are filled from the defaults. Errc::invalid_argument: "invalid model name".
Result<ModelName> parse_model_name(std::string_view text);

// A name as a user writes it: the suffix ":local" is removed. Errors of kind invalid_argument
// ("model is required", both suffixes at once) and unsupported (names of hosted models: ":cloud"
// and tags that end in "-cloud").
Result<ModelName> parse_user_name(std::string_view text);

// "sha256:<64 hex>" or "sha256-<64 hex>".
bool valid_digest(std::string_view digest);
// "sha256:<64 hex>" with small digits. Requires: valid_digest(digest).
std::string plain_digest(std::string_view digest);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace engine
