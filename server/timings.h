// The figures of an answer in the words of llama.cpp's server.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/run/request.h"

namespace engine {

// The object `timings`: tokens, milliseconds, and tokens per second, of the prompt and the answer.
Json timings_json(const GenerateStats& stats);

}  // namespace engine
