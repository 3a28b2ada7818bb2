// Pulling a model through a client, with progress on stderr: for the verb and for `run` of a model
// that is not there.
#pragma once

#include <string>

#include "engine/core/result.h"
#include "server/cli/client.h"

namespace engine::cli {

Status pull_model(Client& client, const std::string& name, bool insecure);

}  // namespace engine::cli
