// CPU features found at start, as a bit mask; kernels name the bits they need. ENGINE_ISA caps the mask.
#pragma once

#include <cstdint>
#include <string>

#include "engine/core/result.h"

namespace engine {

namespace isa {
enum : uint64_t {
  avx2 = 1u << 0, fma = 1u << 1, f16c = 1u << 2, avx512 = 1u << 3,  // avx512: F, CD, BW, DQ, VL together
  avx512vnni = 1u << 4, avxvnni = 1u << 5, avx512bf16 = 1u << 6, avx512vbmi = 1u << 7,
  neon = 1u << 16, dotprod = 1u << 17, i8mm = 1u << 18,
};
}  // namespace isa

// What this machine has (instructions and operating-system support). Does not look at the environment.
uint64_t cpu_features();

// The mask a cap leaves: "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod", "i8mm"; "" or "auto" keeps all.
// Errc::invalid_argument names the known words.
Result<uint64_t> cap_features(uint64_t have, const std::string& cap);

// "avx2 fma f16c ...", "scalar" when empty.
std::string feature_names(uint64_t mask);

std::string cpu_model_name();

// Cores this process may use: affinity mask and cgroup quota, at least 1.
int usable_cores();

}  // namespace engine
