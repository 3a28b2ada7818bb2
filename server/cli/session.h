// The interactive session of `engine run`: prompt, commands, chat.
#pragma once

#include "server/cli/ask.h"
#include "server/cli/client.h"

namespace engine::cli {

// shown: what /api/show says of settings.model. Returns when the user leaves.
// Requires: stdin and stdout are terminals.
Status run_session(Client& client, AskSettings settings, Json shown);

}  // namespace engine::cli
