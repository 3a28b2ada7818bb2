// The only file that names all backends.
#include "kernels/backend.h"

namespace engine {

std::vector<std::string> backend_names() {
  return {
#define BACKEND(name) #name,
#include "kernels/backends.inc"
  };
}

}  // namespace engine
