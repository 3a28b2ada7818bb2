#include "engine/run/overrides.h"

namespace engine {

Result<std::vector<gguf::Override>> parse_overrides(std::string_view list) {
  std::vector<gguf::Override> out;
  std::string part;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && list.substr(i).starts_with("\\,")) {
      part += list[++i];
    } else if (i < list.size() && list[i] != ',') {
      part += list[i];
    } else if (i < list.size() || !part.empty()) {
      ENGINE_TRY(value, gguf::parse_override(part));
      out.push_back(std::move(value));
      part.clear();
    }
  }
  return out;
}

}  // namespace engine
