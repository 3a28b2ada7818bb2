// The CPU kernels of this build (kernels.inc).
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/registry.h"

namespace engine::cpu {

std::span<const Kernel<Ctx>* const> all_kernels();

}  // namespace engine::cpu
