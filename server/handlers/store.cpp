// POST /api/copy and DELETE /api/delete.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "server/app.h"
#include "server/handlers/handlers.h"
#include "server/json_fields.h"
#include "server/reply.h"

namespace engine::handlers {
namespace {

// `<what> "<raw>" is invalid` for what is no name; nullopt: the reply has been given.
Result<std::optional<ModelName>> name_of(const std::string& raw, const char* what, Reply& reply) {
  const auto name = parse_user_name(raw);
  if (name) return std::optional(*name);
  if (name.error().code == Errc::unsupported) {
    reply.error(403, name.error().message);
    return std::optional<ModelName>();
  }
  if (name.error().message.starts_with("use either")) return name.error();
  return Error{Errc::invalid_argument, fmt::format("{} \"{}\" is invalid", what, raw)};
}

}  // namespace

Status copy(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(source, fields.string("source"));
  ENGINE_TRY(destination, fields.string("destination"));
  ENGINE_TRY(from, name_of(source, "source", *reply));
  if (!from) return ok;
  ENGINE_TRY(to, name_of(destination, "destination", *reply));
  if (!to) return ok;
  if (const Status copied = app.store.copy(*from, *to); !copied) {
    if (copied.error().code != Errc::not_found) return copied.error();
    return Error{Errc::not_found, fmt::format("model \"{}\" not found", source)};
  }
  reply->send(empty_response(200));
  return ok;
}

Status remove(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(alias, fields.string("name"));
  const std::string asked = model.empty() ? alias : model;
  if (asked.empty()) return Error{Errc::invalid_argument, "model is required"};
  ENGINE_TRY(name, name_of(asked, "name", *reply));
  if (!name) return ok;
  if (const Status removed = app.store.remove(*name); !removed) {
    if (removed.error().code != Errc::not_found) return removed.error();
    return Error{Errc::not_found, fmt::format("model '{}' not found", asked)};
  }
  reply->send(empty_response(200));
  return ok;
}

}  // namespace engine::handlers
