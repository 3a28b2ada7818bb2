// The dump of a model file.
#include "engine/tools/dump.h"

#include "gguf/dump.h"

namespace engine {

Result<std::string> dump_model_file(const std::vector<std::string>& files, bool json) {
  ENGINE_TRY(file, gguf::File::open(files));
  return json ? gguf::dump_json(file) : gguf::dump_text(file);
}

}  // namespace engine
