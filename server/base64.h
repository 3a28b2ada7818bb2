// Checks base64 data of requests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine {

// Standard alphabet; line breaks, missing padding and a `data:TYPE;base64,` prefix are tolerated.
bool valid_base64(std::string_view text);
// Every element of a list of images is base64 text. list: nullptr: none.
Status check_images(const Json* list, const std::string& path);

}  // namespace engine
