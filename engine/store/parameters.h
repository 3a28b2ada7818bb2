// PARAMETER of a Modelfile: names and texts to typed values, and the settings of training, which
// are recorded only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine {

enum class ParameterKind : uint8_t { option, training, deprecated, unknown };

ParameterKind parameter_kind(std::string_view name);

// Adds the value to an object of options: an option that takes several texts collects them, of any
// other the last value counts. Floats are read with 32 bits.
// Requires: an option. Errors of kind invalid_argument: "invalid float value [abc]".
Status add_parameter(std::string_view name, std::string_view text, Json& options);

// What is recorded of a setting of training: the text, of a path the last component.
// Requires: a training setting. Errors as above.
Result<std::string> training_value(std::string_view name, std::string_view text);
bool names_a_file(std::string_view training_setting);

// "unknown parameter 'x'", with the nearest known name; line 0: no line.
Error unknown_parameter(std::string_view name, int line);

}  // namespace engine
