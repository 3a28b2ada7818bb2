// Messages of a chat completion as native messages.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine::openai {

// One for each of the list.
Result<Json> native_messages(const Json& list);

// `data:image/TYPE;base64,DATA` to DATA. Errors: a remote address; no image of a known type.
Result<std::string> image_data(const std::string& uri);

// The arguments of a call, which this API writes as text, as an object.
Result<Json> call_arguments(const std::string& text);

// The name of the last call with this id in native messages, for answers of tools that carry the id
// alone; "" when there is none.
std::string name_of_call(const Json& messages, const Json& id);

}  // namespace engine::openai
