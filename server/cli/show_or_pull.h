// A model that is asked for and may have to be fetched first.
#pragma once

#include <string>

#include "server/cli/client.h"

namespace engine::cli {

// What /api/show says of the model, which is pulled if it is not there, with its progress on stderr.
// insecure: the registry may be one without TLS.
Result<Json> show_or_pull(Client& client, const std::string& name, bool insecure);

}  // namespace engine::cli
