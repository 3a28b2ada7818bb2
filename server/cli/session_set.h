// The /set command of the session, but for the parts that need more than the settings.
#pragma once

#include <string>
#include <vector>

#include "server/cli/ask.h"

namespace engine::cli {

// words: "/set" and what follows. shown: what /api/show says of the model.
void set_command(const std::vector<std::string>& words, const Json& shown, AskSettings& settings);

bool can_think(const Json& shown);
// What `think` is sent when the user does not say: true for a model that can think, else nothing.
Json think_default(const Json& shown);

}  // namespace engine::cli
