// Times of the steps of a plan as a table: where a pass spends its time.
#pragma once

#include <span>
#include <string>

#include "kernels/plan/work.h"

namespace engine {

// work: of each step, summed over the profiled passes. Steps of one kind (operator, kernel, shape)
// are summed over layers; times are per pass and worker.
std::string profile_table(const PlanReport& plan, std::span<const PassWork> work);

}  // namespace engine
