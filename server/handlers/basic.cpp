// The fixed small endpoints. Health probes compare the text of GET / literally; a browser, which asks
// for text/html, gets the web page.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/reply.h"
#include "server/version.h"

namespace engine {

extern const std::string_view kWebPage;  // server/web/index.html
extern const std::string_view kOpenApi;  // docs/openapi.yaml

}  // namespace engine

namespace engine::handlers {
namespace {

// The page needs nothing but itself and this server.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

Status root(App&, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  HttpResponse response = text_response(200, "Ollama is running");
  if (request.header("Accept").find("text/html") != std::string_view::npos) {
    response = {200, "text/html; charset=utf-8", {}, std::string(kWebPage)};
    response.headers = {{"Content-Security-Policy", kPagePolicy},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"}};
  }
  response.headers.push_back({"Vary", "Accept"});
  reply->send(std::move(response));
  return ok;
}

Status version(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(200, Json{{"version", kCompatVersion}});
  return ok;
}

Status openapi(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->send({200, "application/yaml", {}, std::string(kOpenApi)});
  return ok;
}

}  // namespace engine::handlers
