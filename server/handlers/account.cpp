// What clients ask about accounts and hosted services: this server has none, and says so in the
// words they know.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/reply.h"

namespace engine::handlers {

Status cloud_status(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(200, Json{{"cloud", {{"disabled", true}, {"source", "config"}}}});
  return ok;
}

// A client that finds no signin_url has no page to send its user to.
Status me(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(401, Json{{"error", "unauthorized"}, {"signin_url", ""}});
  return ok;
}

Status signed_out(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->error(401, "you are not currently signed in");
  return ok;
}

Status web_search(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->error(403, "ollama cloud is disabled: web search is unavailable");
  return ok;
}

Status web_fetch(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->error(403, "ollama cloud is disabled: web fetch is unavailable");
  return ok;
}

Status model_recommendations(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(200, Json{{"recommendations", Json::array()}});
  return ok;
}

}  // namespace engine::handlers
