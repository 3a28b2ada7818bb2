// Prompts: messages to text to tokens, cut to the context where the request allows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/run/model.h"
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
// Tools as templates expect them; every element must be {"type", "function": {"name"}}. nullptr:
// none.
Result<Json> parse_tools(const Json* list);

struct PromptLimits {
  bool truncate = true, shift = true;
  int num_keep = 4;
};

struct Prompt {
  std::string text;
  std::vector<Token> tokens;
  bool starts_thinking = false;  // the text ends inside an opened thinking block
  std::string note;              // what was left out, for the request log
};

// The template that a model renders with: its own, else ChatML.
const ChatTemplate& chat_template_of(const Model& model);

// Renders the chat; drops the oldest messages (never system messages, never the last) while it is
// longer than the context and limits.truncate allows it. Errors: what the template raises; too
// long.
Result<Prompt> chat_prompt(const Model& model, const ChatInput& input, const PromptLimits& limits);
// prefix (an earlier conversation) and the rendered chat.
Result<Prompt> completion_prompt(const Model& model, const std::string& prefix,
                                 const ChatInput& input, const PromptLimits& limits);
// text as it is.
Result<Prompt> raw_prompt(const Model& model, const std::string& text, const PromptLimits& limits);

// How many tokens a context shift keeps at the front.
int effective_keep(const Model& model, int num_keep, size_t prompt_tokens);

}  // namespace engine
