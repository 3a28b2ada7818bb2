// POST /api/create: a model out of another one, or of files that were uploaded.
#include "server/create_request.h"
#include "server/create_tools.h"
#include "server/handlers/handlers.h"
#include "server/status_stream.h"

namespace engine::handlers {

Status create(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  ENGINE_TRY(stream, JsonFields(body).boolean("stream", true));
  Result<CreateRequest> wanted = read_create_request(body);
  const auto hosted = [](const Error& e) { return e.code == Errc::unsupported; };
  if (!wanted && hosted(wanted.error())) return reply->error(403, wanted.error().message), ok;
  if (!wanted) return wanted.error();
  if (!wanted->from.empty())
    if (const auto base = parse_user_name(wanted->from); !base && hosted(base.error()))
      return reply->error(403, base.error().message), ok;
  run_status_job(
      app, reply, stream,
      [&app, wanted = std::move(*wanted)](StatusStream& out,
                                          const std::stop_token& cancel) -> Status {
        ENGINE_TRY_STATUS(
            create_model(app.store, wanted, create_tools(app), {report_to(out), cancel}));
        return ok;
      },
      JobErrors::by_code);
  return ok;
}

}  // namespace engine::handlers
