// GET /v1/models and /v1/models/NAME: what /api/tags tells, as the OpenAI API words it.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/model_ref.h"

namespace engine::handlers {
namespace {

constexpr std::string_view kPrefix = "/v1/models/";

Json model_object(const std::string& id, int64_t modified, const ModelName& name) {
  return {{"id", id}, {"object", "model"}, {"created", modified}, {"owned_by", name.space}};
}

}  // namespace

Status openai_models(App& app, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  Json data = Json::array();
  for (const ListedModel& m : app.store.list())
    data.push_back(model_object(m.name.short_form(), m.modified, m.name));
  reply->json(200, Json{{"object", "list"}, {"data", std::move(data)}});
  return ok;
}

Status openai_model(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string name = percent_decoded(request.path.substr(kPrefix.size()));
  const std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::short_form);
  if (!found) return ok;
  reply->json(200, model_object(name, found->record.modified, found->record.name));
  return ok;
}

}  // namespace engine::handlers
