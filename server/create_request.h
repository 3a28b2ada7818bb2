// The body of POST /api/create as a request to the store.
#pragma once

#include "engine/core/result.h"
#include "engine/store/create.h"
#include "server/json_fields.h"

namespace engine {

// Errors of kind invalid_argument, in the words that clients know.
Result<CreateRequest> read_create_request(const Json& body);

}  // namespace engine
