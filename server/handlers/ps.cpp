// GET /api/ps: the loaded models, the one that stays longest first.
#include <chrono>
#include <nlohmann/json.hpp>

#include "server/app.h"
#include "server/details.h"
#include "server/handlers/handlers.h"
#include "server/reply.h"
#include "server/timestamp.h"

namespace engine::handlers {
namespace {

// "For ever" is a date about 292 years away: clients print a word for it.
std::string expires_at(std::chrono::nanoseconds remaining) {
  const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t fraction = now % kSecond + remaining.count() % kSecond;
  return local_time(now / kSecond + remaining.count() / kSecond + fraction / kSecond,
                    fraction % kSecond);
}

}  // namespace

Status ps(App& app, const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  Json models = Json::array();
  for (const PoolEntry& loaded : app.pool.list()) {
    ModelConfig config;
    std::string parent;
    if (const auto name = parse_model_name(loaded.name)) {
      if (const auto record = app.store.find(*name)) {
        config = record->config;
        parent = record->parent;
      }
    }
    if (config.family.empty()) config.family = loaded.info.architecture;
    if (config.parameter_size.empty()) config.parameter_size = loaded.info.parameter_size;
    if (config.file_type.empty()) config.file_type = loaded.info.file_type;
    const size_t size =
        loaded.info.weight_bytes + loaded.info.cache_bytes + loaded.info.scratch_bytes;
    models.push_back(Json{{"name", loaded.name},
                          {"model", loaded.name},
                          {"size", size},
                          {"digest", loaded.digest},
                          {"details", details_json(config, parent)},
                          {"expires_at", expires_at(loaded.remaining)},
                          {"size_vram", 0},
                          {"context_length", loaded.info.n_ctx}});
  }
  reply->json(200, Json{{"models", std::move(models)}});
  return ok;
}

}  // namespace engine::handlers
