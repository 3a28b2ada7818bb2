// CPU features found at start, as a bit mask; kernels name the bits they need.
// ENGINE_ISA caps the mask.
#pragma once

#include <cstdint>
#include <string>

#include "engine/core/cpu_features.h"
#include "engine/core/result.h"

namespace engine {

// What this machine has (instructions and operating-system support).
// Does not look at the environment.
uint64_t cpu_features();

// The mask a cap leaves: "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod",
// "i8mm"; "" or "auto" keeps all. Errc::invalid_argument names the known words.
Result<uint64_t> cap_features(uint64_t have, const std::string& cap);

// "avx2 fma f16c ...", "scalar" when empty.
std::string feature_names(uint64_t mask);

std::string cpu_model_name();

// Cores this process may use: affinity mask and cgroup quota, at least 1.
int usable_cores();

}  // namespace engine
