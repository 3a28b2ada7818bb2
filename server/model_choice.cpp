#include "server/model_choice.h"

#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "server/app.h"
#include "server/json_fields.h"

namespace engine {

void ModelChoice::apply(ModelRecord& record) const {
  if (options.empty() && default_options.empty()) return;
  Json all = Json::object();
  for (const std::string& text : {default_options, record.params, options})
    if (const auto some = parse_json(text); some && some->is_object()) all.update(*some);
  record.params = dump_json(all);
}

std::string model_or_chosen(const App& app, const std::string& asked) {
  if (app.choice.name.empty()) return asked;
  if (asked.empty()) return app.choice.name;
  const auto name = parse_user_name(asked);
  if (!name && name.error().code == Errc::unsupported) return asked;  // a hosted model
  return name && app.store.find(*name) ? asked : app.choice.name;
}

void fill_in_model(const App& app, Json& body) {
  if (app.choice.name.empty()) return;
  const auto asked = JsonFields(body).string("model");
  if (!asked) return;  // of another type, which is refused later
  if (std::string chosen = model_or_chosen(app, *asked); chosen != *asked)
    body["model"] = std::move(chosen);
}

}  // namespace engine
