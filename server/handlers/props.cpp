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

// As they are in use, under the names of requests.
Json params_json(const RunningRequest& r) {
  const SamplerParams& p = r.sampling;
  Json out;
  const auto put = [&out](const char* name, const auto& object, auto get) {
    if constexpr (requires { get(object); }) out[name] = get(object);
  };
#define OPTION(name, ...) \
  put(#name, p, [](const auto& o) -> decltype(Json(o.name)) { return Json(o.name); });
#include "engine/core/sampling_options.inc"
#undef OPTION
  out["dry_multiplier"] = p.dry.multiplier, out["dry_base"] = p.dry.base;
  out["dry_allowed_length"] = p.dry.allowed_length, out["dry_penalty_last_n"] = p.dry.last_n;
  out["seed"] = p.seed;
  out["num_predict"] = r.max_tokens, out["num_keep"] = r.num_keep, out["stop"] = r.stop;
  return out;
}

// What a slot has beside its state while it runs a request.
void add_request(const RunningRequest& r, Json& slot) {
  const int decoded = r.output_tokens.load(std::memory_order_relaxed);
  slot["id_task"] = r.id;
  slot["params"] = params_json(r);
  slot["next_token"] = {{"has_next_token", true},
                        {"n_remain", r.max_tokens < 0 ? -1 : std::max(r.max_tokens - decoded, 0)},
                        {"n_decoded", decoded}};
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

// Without a model: the server, and the one model that it was started for.
Status props(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  std::string name = query_value(request.query, "model");
  Json body = Json::object();
  if (name.empty()) {
    body = server_props(app);
    name = app.choice.name;
  }
  if (name.empty()) {
    reply->json(200, body);
    return ok;
  }
  const std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::as_sent);
  if (!found) return ok;
  ENGINE_TRY(of_model, model_props(app, *found));
  body.update(of_model);
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
      Json slot{{"id", i},
                {"model", m.name},
                {"n_ctx", m.info.n_ctx},
                {"speculative", m.speculates},
                {"is_processing", busy}};
      if (busy && static_cast<size_t>(i) < m.running.size())
        add_request(*m.running[static_cast<size_t>(i)], slot);
      list.push_back(std::move(slot));
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
