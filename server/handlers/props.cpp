// GET /health, /props, /slots and /metrics: the state of the server and of its models.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/text/chat_template.h"
#include "server/handlers/handlers.h"
#include "server/run_answer.h"
#include "server/use_model.h"
#include "server/version.h"

namespace engine::handlers {
namespace {

template <class T>
Json option_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}
template <class T>
Json option_json(const T& value) {
  return Json(value);
}

Json options_json(const Options& options) {
  Json out;
#define OPTION(name, type, fallback, low, high, help) out[#name] = option_json(options.name);
#include "engine/core/options.inc"
  return out;
}

Json server_props(const App& app) {
  Json models = Json::array();
  for (const PoolEntry& m : app.pool.list()) models.push_back(m.name);
  return {{"build_info", kServerHeader},
          {"version", kCompatVersion},
          {"total_slots", app.load.n_sequences},
          {"devices", Json::array({"cpu"})},
          {"models", std::move(models)}};
}

const PoolEntry* entry_of(const App& app, const std::vector<PoolEntry>& loaded,
                          const FoundModel& found) {
  for (const PoolEntry& m : loaded)
    if (m.path == found.record.model_path && m.adapters == adapters_of(app, found.record))
      return &m;
  return nullptr;
}

Result<Json> model_props(const App& app, const FoundModel& found) {
  ENGINE_TRY(options, merged_options(found.record, nullptr));
  const std::vector<PoolEntry> loaded = app.pool.list();
  const PoolEntry* entry = entry_of(app, loaded, found);
  Json settings;
  if (entry) settings["n_ctx"] = entry->info.n_ctx;
  settings["params"] = options_json(options);
  return Json{
      {"default_generation_settings", std::move(settings)},
      {"total_slots", entry ? entry->n_sequences : app.load.n_sequences},
      {"model_path", found.record.model_path},
      {"chat_template", found.card->chat_template},
      {"modalities", {{"vision", found.card->can("vision")}, {"audio", found.card->can("audio")}}},
      {"is_loaded", entry != nullptr},
      {"build_info", kServerHeader}};
}

}  // namespace

// Models load on demand: a server that listens is ready.
Status health(App&, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->json(200, Json{{"status", "ok"}});
  return ok;
}

Status props(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string name = query_value(request.query, "model");
  if (name.empty()) {
    reply->json(200, server_props(app));
    return ok;
  }
  const std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::as_sent);
  if (!found) return ok;
  ENGINE_TRY(body, model_props(app, *found));
  reply->json(200, body);
  return ok;
}

Status slots(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string only = query_value(request.query, "model");
  Json list = Json::array();
  bool any_free = false;
  for (const PoolEntry& m : app.pool.list()) {
    if (!only.empty() && !equal_ignoring_case(only, m.name) &&
        !equal_ignoring_case(only + ":latest", m.name))
      continue;
    for (int i = 0; i < m.n_sequences; ++i) {
      const bool busy = i < m.uses;
      any_free = any_free || !busy;
      list.push_back(Json{{"id", i},
                          {"model", m.name},
                          {"n_ctx", m.info.n_ctx},
                          {"speculative", m.speculates},
                          {"is_processing", busy}});
    }
  }
  if (!list.empty() && !any_free && query_value(request.query, "fail_on_no_slot") == "1")
    return Error{Errc::busy, "no slot available"};
  reply->json(200, list);
  return ok;
}

Status metrics(App& app, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->send({200,
               "text/plain; version=0.0.4; charset=utf-8",
               {},
               app.metrics->text(app.pool, app.metrics_compat)});
  return ok;
}

}  // namespace engine::handlers
