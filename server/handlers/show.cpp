// POST /api/show: everything about one model.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "server/details.h"
#include "server/handlers/handlers.h"
#include "server/json_fields.h"
#include "server/model_ref.h"
#include "server/show_modelfile.h"
#include "server/timestamp.h"

namespace engine::handlers {
namespace {

// One line per value, keys padded to 30 columns;
// strings are quoted as JSON, which clients read back.
std::string parameters_text(const Json& parameters) {
  std::vector<std::string> keys;
  for (auto it = parameters.begin(); it != parameters.end(); ++it) keys.push_back(it.key());
  std::sort(keys.begin(), keys.end());
  std::string out;
  const auto line = [&](const std::string& key, const Json& value) {
    if (!out.empty()) out += '\n';
    out += fmt::format("{:<30} {}", key, dump_json(value));
  };
  for (const std::string& key : keys) {
    const Json& value = parameters[key];
    if (value.is_null()) continue;
    if (!value.is_array()) {
      line(key, value);
      continue;
    }
    for (const Json& element : value) line(key, element);
  }
  return out;
}

// The parameters of the model with those of the request on top.
Json merged_parameters(const ModelRecord& record, const Json* options) {
  Json out = Json::object();
  if (!record.params.empty()) {
    if (Result<Json> own = parse_json(record.params); own && own->is_object())
      out = std::move(*own);
  }
  if (options)
    for (auto it = options->begin(); it != options->end(); ++it) out[it.key()] = *it;
  return out;
}

}  // namespace

Status show(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(alias, fields.string("name"));
  ENGINE_TRY(verbose, fields.boolean("verbose", false));
  ENGINE_TRY(own_system, fields.string("system"));
  ENGINE_TRY(options, fields.object("options"));
  const std::string asked = model.empty() ? alias : model;
  if (asked.empty()) return Error{Errc::invalid_argument, "model is required"};
  const std::optional<FoundModel> found = find_model(app, *reply, asked, NotFoundText::short_form);
  if (!found) return ok;
  const ModelRecord& record = found->record;

  ENGINE_TRY(info, metadata_json(record, verbose));
  ENGINE_TRY(tensors, tensors_json(record));
  if (request.header("User-Agent").starts_with("GitHubCopilotChat/"))
    info["general.basename"] = asked;
  const Json parameters = merged_parameters(record, options);
  const std::string system = own_system.empty() ? record.system : own_system;
  ENGINE_TRY(meta, parse_meta(record.meta));
  ENGINE_TRY(projector, projector_json(record, verbose));

  Json out = Json::object();
  std::string license;
  for (const std::string& text : record.licenses) license += (license.empty() ? "" : "\n") + text;
  if (!license.empty()) out["license"] = license;
  out["modelfile"] = show_modelfile(record, parameters, system, meta);
  if (const std::string text = parameters_text(parameters); !text.empty()) out["parameters"] = text;
  out["template"] =
      record.template_text.empty() ? found->card->chat_template : record.template_text;
  if (!system.empty()) out["system"] = system;
  if (!record.config.renderer.empty()) out["renderer"] = record.config.renderer;
  if (!record.config.parser.empty()) out["parser"] = record.config.parser;
  ModelConfig config = record.config;
  if (config.family.empty()) config.family = found->card->architecture;
  out["details"] = details_json(config, record.parent);
  if (const Result<Json> messages = parse_json(record.messages); messages && messages->is_array())
    out["messages"] = *messages;
  out["model_info"] = std::move(info);
  if (!projector.is_null()) out["projector_info"] = std::move(projector);
  out["tensors"] = std::move(tensors);
  out["capabilities"] = found->card->capabilities;
  out["modified_at"] = local_time(record.modified, record.modified_ns);
  if (!record.config.requires_version.empty()) out["requires"] = record.config.requires_version;
  if (!meta.description.empty()) out["description"] = meta.description;
  for (const auto& [setting, value] : meta.training) out["training"][setting] = value;
  reply->json(200, out);
  return ok;
}

}  // namespace engine::handlers
