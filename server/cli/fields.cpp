#include "server/cli/fields.h"

#include <nlohmann/json.hpp>

namespace engine::cli {

const Json& part_of(const Json& object, const std::string& key) {
  static const Json kNone;
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() ? *it : kNone;
}

std::string text_of(const Json& object, const std::string& key) {
  const Json& part = part_of(object, key);
  return part.is_string() ? part.get<std::string>() : std::string();
}

int64_t number_of(const Json& object, const std::string& key) {
  const Json& part = part_of(object, key);
  return part.is_number() ? part.get<int64_t>() : 0;
}

}  // namespace engine::cli
