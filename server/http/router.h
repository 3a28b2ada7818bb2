// Router: method and path to handler, by the list routes.inc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "server/http/http.h"

namespace engine {

struct App;
class Reply;
// Parses, checks and starts; returns without waiting for a model.
// An Error it returns becomes the reply.
using Handler = Status (*)(App& app, const HttpRequest& request,
                           const std::shared_ptr<Reply>& reply);

struct RouteMatch {
  Handler handler = nullptr;  // nullptr: no such route
  std::string_view route;     // the path as the list has it; "" for an unknown path
  std::string allow;          // the methods of a known path, "GET, HEAD"; "" for an unknown path
};

// Paths are exact and case-sensitive; those of the list that end in /* match all below them.
RouteMatch find_route(std::string_view method, std::string_view path);

}  // namespace engine
