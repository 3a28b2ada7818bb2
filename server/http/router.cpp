// The table of routes, expanded from routes.inc.
// A dozen entries: a linear search is the fastest lookup.
#include "server/http/router.h"

#include "server/handlers/handlers.h"

namespace engine {
namespace {

struct Route {
  std::string_view method, path;
  Handler handler;
};

constexpr Route kRoutes[] = {
#define ROUTE(method, path, handler) {#method, path, handlers::handler},
#include "server/routes.inc"
};

bool fits(std::string_view route, std::string_view path) {
  if (!route.ends_with("/*")) return route == path;
  route.remove_suffix(1);
  return path.starts_with(route) && path.size() > route.size();
}

}  // namespace

RouteMatch find_route(std::string_view method, std::string_view path) {
  RouteMatch match;
  for (const Route& r : kRoutes) {
    if (!fits(r.path, path)) continue;
    match.route = r.path;
    if (r.method == method) match.handler = r.handler;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += r.method;
  }
  return match;
}

}  // namespace engine
