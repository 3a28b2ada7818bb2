// `engine serve`: a server that runs until a signal ends it.
#pragma once

#include "engine/core/result.h"
#include "server/server.h"

namespace engine {

// Returns after SIGINT or SIGTERM and an orderly shutdown, within the grace of the options;
// a second signal ends the process at once. May be the first process of a container: it waits for
// every child that it has or inherits.
// Errors: the address is in use, an unusable setting.
// Requires: called from main(), before other threads were started (they would receive the signals).
Status serve(const ServerOptions& options);

}  // namespace engine
