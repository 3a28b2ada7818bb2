// Messages, tools and `think` of a request.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/text/chat_template.h"

namespace engine {

struct ThinkChoice {
  std::optional<bool> think;  // absent: the request does not say
  std::string effort;         // "low", "medium", "high", "max" or ""
};
// The field `think` of a request; nullptr: absent.
Result<ThinkChoice> parse_think(const Json* value);

// The `messages` of a request; nullptr: none. Errors name the message and the field.
Result<std::vector<ChatMessage>> parse_messages(const Json* list);
// The preset messages and the system text of a model in front of those of a request.
std::vector<ChatMessage> with_presets(std::vector<ChatMessage> messages, const std::string& system,
                                      const std::string& presets);
// Tools as templates expect them; every element must be {"type", "function": {"name"}}.
// nullptr: none.
Result<Json> parse_tools(const Json* list);

}  // namespace engine
