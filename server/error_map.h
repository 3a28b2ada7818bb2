// Errors of the engine as HTTP statuses and as exit codes of the program: one function each.
#pragma once

#include "engine/core/result.h"

namespace engine {

int http_status(Errc code);
int exit_code(Errc code);

}  // namespace engine
