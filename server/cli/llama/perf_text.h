// The times that llama-completion prints at its end.
#pragma once

#include <string>

#include "engine/core/json_io.h"

namespace engine::cli {

// Out of the final object of /api/generate. Scripts look for "eval time = ... tokens per second".
// Counts and times of an answer (or of none) on top of those in sum.
void add_statistics(const Json& answer, Json& sum);

std::string llama_perf_text(const Json& statistics);

}  // namespace engine::cli
