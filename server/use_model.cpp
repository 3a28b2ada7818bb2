// No thread waits for a model here: the pool calls back when it is loaded,
// and the work goes on on a worker.
#include "server/use_model.h"

namespace engine {
namespace {

// Why a model could not be loaded, as the client reads it.
// Only a full queue and a shutdown have statuses of their own.
Error load_error(const Error& e) {
  switch (e.code) {
    case Errc::busy:
    case Errc::cancelled:
    case Errc::out_of_memory:
    case Errc::internal:
      return e;
    default:
      return {Errc::corrupt, e.message + ": this model may be incompatible with this version"};
  }
}

PoolRequest pool_request(const App& app, const ModelRecord& record, const Options& options) {
  PoolRequest wanted;
  wanted.path = record.model_path;
  wanted.name = record.name.short_form();
  wanted.digest = record.digest;
  wanted.options = app.load;
  wanted.options.adapters = adapters_of(app, record);
  wanted.n_ctx_given = app.n_ctx_fixed;
  if (app.choice.is(record)) wanted.options.overrides = app.choice.overrides;
  wanted.options.shards = record.shard_paths;
  wanted.draft = app.draft.empty() ? record.draft_path : app.draft;
  wanted.draft_required = app.draft_required;
  if (options.num_ctx) {
    wanted.options.n_ctx = *options.num_ctx;
    wanted.n_ctx_given = true;
  }
  if (options.num_batch) {
    wanted.options.max_rows = *options.num_batch;
    wanted.max_rows_given = true;
  }
  if (options.num_thread > 0) {
    wanted.options.threads = options.num_thread;
    wanted.threads_given = true;
  }
  if (options.use_mmap) {
    wanted.options.map = *options.use_mmap;
    wanted.map_given = true;
  }
  return wanted;
}

}  // namespace

std::vector<LoraFile> adapters_of(const App& app, const ModelRecord& record) {
  std::vector<LoraFile> out;
  for (const std::string& path : record.adapter_paths) out.push_back({path});
  if (app.choice.is(record))
    out.insert(out.end(), app.choice.adapters.begin(), app.choice.adapters.end());
  app.scales.apply(record.digest, out);
  return out;
}

void use_model(App& app, const std::shared_ptr<Reply>& reply, const ModelRecord& record,
               const Options& options, std::optional<std::chrono::nanoseconds> keep_alive,
               std::function<void(std::shared_ptr<ModelUse>)> then, Draft draft,
               const std::optional<std::vector<LoraFile>>& adapters) {
  PoolRequest wanted = pool_request(app, record, options);
  if (adapters) wanted.options.adapters = *adapters;
  wanted.keep_alive = keep_alive;
  if (draft == Draft::none) wanted.draft.clear();
  Runtime& runtime = app.runtime;
  const ModelPool::Ticket ticket = app.pool.acquire(
      std::move(wanted), [&runtime, reply, then = std::move(then)](Result<ModelUse> result) {
        if (!result) return reply->fail(load_error(result.error()));
        auto use = std::make_shared<ModelUse>(std::move(*result));
        runtime.post_work([then, use] { then(use); });
      });
  if (ticket != 0) reply->on_disconnect([&pool = app.pool, ticket] { pool.cancel(ticket); });
}

}  // namespace engine
