// Any Modelfile: read, sort, print; what could be read reads the same when it was printed.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/store/modelfile.h"
#include "engine/store/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  const auto file = parse_modelfile({reinterpret_cast<const char*>(data), size});
  if (!file) return 0;
  const auto again = parse_modelfile(print_modelfile(*file));
  if (!again || again->commands != file->commands) std::abort();
  if (const auto recipe = read_recipe(*file, {"/nonexistent", false}))
    (void)dump_json(recipe->parameters);
  return 0;
}
