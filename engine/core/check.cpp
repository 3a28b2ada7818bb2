#include "engine/core/check.h"

#include <cstdio>
#include <cstdlib>

namespace engine {

void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "engine: internal error at %s:%d: %s\n", file, line, what);
  std::abort();
}

}  // namespace engine
