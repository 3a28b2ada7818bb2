// Metadata of the user in place of that of a file, as command lines write it.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/model/user_keys.h"  // keys that users give
#include "gguf/override.h"

namespace engine {

// "KEY=TYPE:VALUE,..."; a comma of a value is written "\,". Errc::invalid_argument shows the part.
Result<std::vector<gguf::Override>> parse_overrides(std::string_view list);

}  // namespace engine
