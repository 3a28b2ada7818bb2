// ENGINE_PROJECT_VERSION is set for this file alone: a new version compiles nothing else again.
#include "server/version.h"

namespace engine {

const char* const kEngineVersion = ENGINE_PROJECT_VERSION;
const char* const kServerHeader = "engine/" ENGINE_PROJECT_VERSION;

}  // namespace engine
