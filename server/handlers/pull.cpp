// POST /api/pull: a model from its registry.
#include "engine/store/pull.h"

#include "server/handlers/handlers.h"
#include "server/transfer_request.h"

namespace engine::handlers {

Status pull(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(asked, read_transfer_request(request, *reply, "invalid model name"));
  if (!asked) return ok;
  run_status_job(app, reply, asked->stream,
                 [&app, job = *asked](StatusStream& stream, const std::stop_token& cancel) {
                   return pull_model(app.store, app.downloads, job.name, job.options, cancel,
                                     report_to(stream));
                 });
  return ok;
}

}  // namespace engine::handlers
