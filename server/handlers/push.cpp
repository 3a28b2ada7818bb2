// POST /api/push: a model to its registry.
#include "engine/store/push.h"

#include "server/handlers/handlers.h"
#include "server/transfer_request.h"

namespace engine::handlers {

Status push(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(asked, read_transfer_request(request, *reply, "model is required"));
  if (!asked) return ok;
  run_status_job(app, reply, asked->stream,
                 [&app, job = *asked](StatusStream& stream, const std::stop_token& cancel) {
                   return push_model(app.store, job.name, job.options, cancel, report_to(stream));
                 });
  return ok;
}

}  // namespace engine::handlers
