// A text carried on as it is, without a template; with -i in turns with the user.
#pragma once

#include "server/cli/flags.h"
#include "server/cli/llama/settings.h"

namespace engine::cli {

// Times and rates on stderr at the end. Errc::cancelled: Ctrl-C.
Status complete_text(const Args& args, LlamaModel& model, const LlamaSettings& settings);

}  // namespace engine::cli
