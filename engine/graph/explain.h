// The compiled plan as a text table: what runs, in which order, by which kernel.
#pragma once

#include <string>

#include "kernels/backend.h"

namespace engine {

std::string explain(const DeviceInfo& device, const PlanReport& report);

}  // namespace engine
