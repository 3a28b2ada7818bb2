// The fixed small endpoints. Health probes compare the text of GET / literally.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/reply.h"
#include "server/version.h"

namespace engine::handlers {

Status root(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->send(text_response(200, "Ollama is running"));
  return ok;
}

Status version(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(200, Json{{"version", kCompatVersion}});
  return ok;
}

}  // namespace engine::handlers
