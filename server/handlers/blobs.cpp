// HEAD and POST /api/blobs/<digest>. Bodies that come over HTTP go to the disk as they arrive
// (Uploads); the handler of POST serves requests that bring theirs along.
#include "server/app.h"
#include "server/handlers/handlers.h"
#include "server/reply.h"
#include "server/upload.h"

namespace engine::handlers {

Status head_blob(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string digest = digest_of_path(request.path);
  ENGINE_TRY_STATUS(app.store.blobs().size(digest));
  app.store.blobs().touch(digest);  // the client counts on it from now on
  reply->send(empty_response(200));
  return ok;
}

Status put_blob(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string digest = digest_of_path(request.path);
  if (digest.empty()) return Error{Errc::invalid_argument, "invalid digest format"};
  reply->send(blob_response(app.store.put_blob(digest, source_of(request.body))));
  return ok;
}

}  // namespace engine::handlers
