// `engine run` of an embedding model: the vector of a text.
#pragma once

#include <optional>
#include <string>

#include "server/cli/client.h"

namespace engine::cli {

struct EmbedSettings {
  std::string model, keep_alive;
  std::optional<bool> truncate;  // none: as the server does it
  int dimensions = 0;            // 0: all
};

// Whether the model (as /api/show describes it) makes vectors, not text.
bool is_embedding_model(const Json& shown);
// POST /api/embed; prints one JSON array on stdout.
Status embed_once(Client& client, const EmbedSettings& settings, const std::string& text);

}  // namespace engine::cli
