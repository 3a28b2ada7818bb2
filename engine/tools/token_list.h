// Token ids as text: what --tokens takes.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/row_output.h"

namespace engine {

// "1,2,3" or a JSON list "[1, 2, 3]".
Result<std::vector<Token>> parse_tokens(std::string_view text);

}  // namespace engine
