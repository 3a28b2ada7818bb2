// What the requests of pull and push have in common.
#pragma once

#include <memory>
#include <optional>

#include "engine/store/name.h"
#include "engine/store/registry_client.h"
#include "server/http/http.h"
#include "server/status_stream.h"

namespace engine {

struct TransferRequest {
  ModelName name;
  RegistryOptions options;
  bool stream = true;
};

// Reads the body. nullopt: the name was refused, and the reply has been given. no_name: the error
// for an empty name.
Result<std::optional<TransferRequest>> read_transfer_request(const HttpRequest& request,
                                                             Reply& reply, const char* no_name);

}  // namespace engine
