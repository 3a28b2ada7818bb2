// GET and POST /lora-adapters: the adapters of a model and how much each of them counts.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/model_ref.h"
#include "server/use_model.h"

namespace engine::handlers {
namespace {

// The model of ?model=, or the one that is meant without it. nullopt: the reply has been given.
Result<std::optional<FoundModel>> asked_model(App& app, const HttpRequest& request, Reply& reply) {
  ENGINE_TRY(name, named_or_loaded(app, query_value(request.query, "model")));
  return find_model(app, reply, name, NotFoundText::as_sent);
}

}  // namespace

Status lora_adapters(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(found, asked_model(app, request, *reply));
  if (!found) return ok;
  Json out = Json::array();
  for (const LoraFile& lora : adapters_of(app, found->record))
    out.push_back(Json{{"id", out.size()}, {"path", lora.path}, {"scale", lora.scale}});
  reply->json(200, out);
  return ok;
}

// The body is a list. The model is loaded again when it is next used.
Status set_lora_adapters(App& app, const HttpRequest& request,
                         const std::shared_ptr<Reply>& reply) {
  HttpRequest wrapped = request;
  wrapped.body = "{\"adapters\":" + (request.body.empty() ? "null" : request.body) + "}";
  ENGINE_TRY(body, parse_body(wrapped));
  const Json* list = JsonFields(body).get("adapters");
  if (body.size() != 1 || !list || !list->is_array())
    return invalid_argument("a list of adapters is needed: [{\"id\":0,\"scale\":0.5}]");
  ENGINE_TRY(found, asked_model(app, request, *reply));
  if (!found) return ok;
  const std::vector<LoraFile> before = adapters_of(app, found->record);
  ENGINE_TRY(scales, read_adapter_scales(*list, before.size(), "adapters"));
  app.scales.set(found->record.digest, std::move(scales));
  if (adapters_of(app, found->record) != before) app.pool.unload(found->record.model_path, before);
  reply->json(200, Json{{"success", true}});
  return ok;
}

}  // namespace engine::handlers
