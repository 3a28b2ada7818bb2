// The `details` object of tags, ps and show.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"
#include "engine/store/model_store.h"

namespace engine {

Json details_json(const ModelConfig& config, const std::string& parent);

}  // namespace engine
