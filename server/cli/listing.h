// Tables of models, as `list`, `ps`, `show` and the session print them.
#pragma once

#include <string>

#include "server/cli/client.h"

namespace engine::cli {

// Models whose name begins with prefix, case ignored.
Status print_models(Client& client, const std::string& prefix);
// The sections of `show`. shown: an answer of /api/show.
std::string model_info_text(const Json& shown, bool verbose);

}  // namespace engine::cli
