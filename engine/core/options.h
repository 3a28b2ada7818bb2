// Options by name: one struct with a member per line of options.inc,
// and the reader of JSON objects.
// Layers are applied one after the other: the model's parameters, then those of the request.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine {

struct OptionTypes {
  using integer = int32_t;
  using seed = int64_t;
  using number = float;
  using flag = bool;
  using text = std::string;
  using texts = std::vector<std::string>;
  using unset_integer = std::optional<int32_t>;
  using unset_flag = std::optional<bool>;
};

inline std::vector<std::string> default_dry_breakers() {
  return {"\n", ":", "\"", "*"};
}

struct Options {
#define OPTION(name, type, fallback, low, high, help) OptionTypes::type name = fallback;
#include "engine/core/options.inc"
};

struct OptionInfo {
  // type: integer, float32, boolean, string or array, as error messages call it
  std::string_view name, type, fallback, help;
};
std::span<const OptionInfo> option_list();
// The names in sampling_options.inc.
std::span<const std::string_view> sampling_options();

// Overwrites what the object names; null counts as absent. Unknown names are logged and skipped.
// Errc::invalid_argument: `option "top_k" must be of type integer`.
Status apply_options(const Json& object, Options& options);

// What no clamping can mend: penalties that are not finite, a repeat penalty
// that is not positive, a window below -1 (of DRY: below 0), hundreds of breakers,
// samplers that are not known.
Status check_options(const Options& options);

// Names that older clients still send in a Modelfile; they have no effect.
bool is_deprecated_option(std::string_view name);

}  // namespace engine
