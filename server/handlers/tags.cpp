// GET /api/tags: the models of the store, newest first.
#include <nlohmann/json.hpp>

#include "server/app.h"
#include "server/details.h"
#include "server/handlers/handlers.h"
#include "server/reply.h"
#include "server/timestamp.h"

namespace engine::handlers {

Status tags(App& app, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  Json models = Json::array();
  for (const ListedModel& listed : app.store.list()) {
    const std::string name = listed.name.short_form();
    Json entry{{"name", name}, {"model", name}};
    if (!listed.config.remote_model.empty()) entry["remote_model"] = listed.config.remote_model;
    if (!listed.config.remote_host.empty()) entry["remote_host"] = listed.config.remote_host;
    entry["modified_at"] = local_time(listed.modified, listed.modified_ns);
    entry["size"] = listed.size;
    entry["digest"] = listed.digest;
    Json details = details_json(listed.config, {});
    Json capabilities;
    // A model whose weights cannot be read stays listed, without what only they could tell.
    if (const auto record = app.store.find(listed.name)) {
      details["parent_model"] = record->parent;
      if (const auto known = app.cards.get(*record)) {
        const ModelCard& card = *known->card;
        if (card.context_length > 0) details["context_length"] = card.context_length;
        if (card.embedding_length > 0) details["embedding_length"] = card.embedding_length;
        capabilities = card.capabilities;
      }
    }
    entry["details"] = std::move(details);
    if (!capabilities.is_null()) entry["capabilities"] = std::move(capabilities);
    models.push_back(std::move(entry));
  }
  reply->json(200, Json{{"models", std::move(models)}});
  return ok;
}

}  // namespace engine::handlers
