// families is null, not empty, for old configs: clients test for that.
#include "server/details.h"

#include <nlohmann/json.hpp>

namespace engine {

Json details_json(const ModelConfig& config, const std::string& parent) {
  Json details;
  details["parent_model"] = parent;
  details["format"] = config.format.empty() ? "gguf" : config.format;
  details["family"] = config.family;
  details["families"] = config.families.empty() ? Json(nullptr) : Json(config.families);
  details["parameter_size"] = config.parameter_size;
  details["quantization_level"] = config.file_type;
  return details;
}

}  // namespace engine
