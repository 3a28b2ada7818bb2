// The interactive session of `engine run`: messages, slash commands, one conversation.
#pragma once

#include "engine/core/result.h"
#include "server/cli/ask.h"
#include "server/cli/client.h"

namespace engine::cli {

// Returns when the user leaves. shown: what /api/show says of the model.
Status run_session(Client& client, AskSettings settings, Json shown);

}  // namespace engine::cli
