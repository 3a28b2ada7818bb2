// Which value of tokenizer.ggml.pre a tokenizer.json means, found by the steps of its pre-tokenizer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/sorted_json.h"

namespace engine::convert {

// pre_tokenizer: the object of tokenizer.json, or null. "default" for what is not known, with a
// warning in the log.
std::string detect_pre(const SortedJson& pre_tokenizer, const std::string& path);

// The steps of a pre-tokenizer, normalizer or post-processor: the members of a Sequence, or the one
// step that there is; nothing for null.
std::vector<const SortedJson*> steps_of(const SortedJson* object);
// The first step of this type; nullptr: none.
const SortedJson* step_of(const SortedJson* object, const char* type);

}  // namespace engine::convert
