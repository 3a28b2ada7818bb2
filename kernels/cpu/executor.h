// Runs a plan on a thread pool.
#pragma once

#include "kernels/cpu/plan.h"

namespace engine::cpu {

// pool and registry outlive the executable. verify: every step is recomputed by the scalar kernel.
std::unique_ptr<Executable> make_executable(std::unique_ptr<Plan> plan, ThreadPool& pool,
                                            const Registry<Ctx>& registry, bool verify);

}  // namespace engine::cpu
