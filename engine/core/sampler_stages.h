// The order of sampling that a request may ask for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/result.h"

namespace engine {

enum class SamplerStage : uint8_t {
#define STAGE(member, ...) member,
#include "engine/core/sampler_stages.inc"
};

// names: of stages, or one text of their letters ("kpmt").
// Errc::invalid_argument: `option "samplers": unknown sampler "x"; there are ...`, or too many.
Result<std::vector<SamplerStage>> sampler_stages(const std::vector<std::string>& names);

}  // namespace engine
