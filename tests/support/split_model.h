// A model file cut into the shards of a split file, for tests.
#pragma once

#include <string>
#include <vector>

#include "engine/core/result.h"

namespace engine::testing {

// Writes PREFIX-00001-of-0000N.gguf and so on; the keys go into the first. The paths, in order.
Result<std::vector<std::string>> split_model(const std::string& file, const std::string& prefix,
                                             int count);

}  // namespace engine::testing
