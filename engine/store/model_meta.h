// What a Modelfile tells of a model without any effect on it: a name, a description, settings of
// training. A layer of its own, since programs that share the store keep layers they do not know.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/result.h"

namespace engine {

struct ModelMeta {
  std::string name, description;
  std::vector<std::pair<std::string, std::string>> training;  // setting, text; ascending settings

  bool empty() const { return name.empty() && description.empty() && training.empty(); }
};

// "": nothing. Unknown keys and values of other types are skipped. Errc::corrupt: no JSON object.
Result<ModelMeta> parse_meta(std::string_view text);
std::string write_meta(const ModelMeta& meta);

// What `changes` says replaces what `base` says, of the training setting by setting.
ModelMeta merge_meta(ModelMeta base, const ModelMeta& changes);

}  // namespace engine
