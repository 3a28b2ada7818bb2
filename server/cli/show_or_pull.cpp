#include "server/cli/show_or_pull.h"

#include <nlohmann/json.hpp>

#include "server/cli/pull.h"

namespace engine::cli {

Result<Json> show_or_pull(Client& client, const std::string& name, bool insecure) {
  const Json request = {{"model", name}};
  auto shown = client.post("/api/show", request);
  if (shown || shown.error().code != Errc::not_found) return shown;
  ENGINE_TRY_STATUS(pull_model(client, name, insecure));
  return client.post("/api/show", request);
}

}  // namespace engine::cli
