// Fields of the JSON objects that a server answers with; what is missing or of another type is
// nothing.
#pragma once

#include <cstdint>
#include <string>

#include "engine/core/json_io.h"

namespace engine::cli {

std::string text_of(const Json& object, const std::string& key);
int64_t number_of(const Json& object, const std::string& key);
const Json& part_of(const Json& object, const std::string& key);

}  // namespace engine::cli
