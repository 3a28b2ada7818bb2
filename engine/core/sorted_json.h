// JSON whose objects are trees: for objects of thousands of keys (vocabularies, headers of weights),
// where the ordered form of json_io.h compares each key with all before it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "engine/core/result.h"

namespace engine {

using SortedJson = nlohmann::json;

// As parse_json(): nothing throws, broken UTF-8 is mended.
Result<SortedJson> parse_sorted_json(std::string_view text);

}  // namespace engine
