#include "server/cli/embed_once.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "server/cli/keep_alive.h"

namespace engine::cli {

bool is_embedding_model(const Json& shown) {
  const auto list = shown.find("capabilities");
  if (list == shown.end() || !list->is_array()) return false;
  const auto can = [&](const char* what) {
    return std::find(list->begin(), list->end(), what) != list->end();
  };
  return can("embedding") && !can("completion");
}

Status embed_once(Client& client, const EmbedSettings& s, const std::string& text) {
  if (text.empty())
    return Error{Errc::invalid_argument,
                 fmt::format("embedding models require input text. Usage: engine run {} \"your "
                             "text here\"",
                             s.model)};
  Json request = {{"model", s.model}, {"input", text}};
  if (!s.keep_alive.empty()) request["keep_alive"] = keep_alive_json(s.keep_alive);
  if (s.truncate) request["truncate"] = *s.truncate;
  if (s.dimensions > 0) request["dimensions"] = s.dimensions;
  ENGINE_TRY(answer, client.post("/api/embed", request));
  const auto vectors = answer.find("embeddings");
  if (vectors == answer.end() || !vectors->is_array() || vectors->empty())
    return Error{Errc::corrupt, "the server sent no embedding"};
  fmt::print("{}\n", dump_json((*vectors)[0]));
  return ok;
}

}  // namespace engine::cli
