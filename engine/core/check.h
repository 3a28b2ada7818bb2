// Checks of our own promises. A failed check is a bug of ours,
// never a reaction to input: it prints and aborts.
#pragma once

namespace engine {

[[noreturn]] void check_failed(const char* what, const char* file, int line);

}  // namespace engine

// Always on; cold paths only.
#define ENGINE_CHECK(cond, why) \
  ((cond) ? void(0) : ::engine::check_failed(#cond ": " why, __FILE__, __LINE__))

// Debug builds (ENGINE_DCHECK=ON); hot paths.
#ifdef ENGINE_DCHECK_ON
#define ENGINE_DCHECK(cond, why) ENGINE_CHECK(cond, why)
#else
#define ENGINE_DCHECK(cond, why) void(0)
#endif
