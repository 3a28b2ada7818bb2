// The handlers of routes.inc. A route may name one handler several times;
// declaring a function twice is harmless.
#pragma once

#include <memory>

#include "server/http/router.h"

namespace engine::handlers {

#define ROUTE(method, path, handler) \
  Status handler(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply);
#include "server/routes.inc"

}  // namespace engine::handlers
