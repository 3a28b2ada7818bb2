// ENGINE_VERIFY=1: each step of a plan is computed twice,
// by the picked kernel and by its scalar twin.
#pragma once

#include "kernels/cpu/plan.h"

namespace engine::cpu {

// Runs the plan on the calling thread. Errc::internal names the first step whose result is beyond
// the tolerance of its kernel.
Status verify_plan(Plan& plan, const Registry<Ctx>& registry);

}  // namespace engine::cpu
