// Prompts: messages to text to tokens, cut to the context where the request allows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/run/model.h"
#include "engine/text/chat_template.h"
#include "engine/text/output/answer_format.h"

namespace engine {

struct PromptLimits {
  bool truncate = true, shift = true;
  int num_keep = 4;
};

struct Prompt {
  std::string text;
  std::vector<Token> tokens;
  // How answers to the template mark reasoning and calls of tools; null: the text is raw.
  FormatPtr format;
  std::string call_tag;          // in place of that of the format; "": the format's
  ThinkingTags tags;             // what stands around the reasoning in the answer
  bool starts_thinking = false;  // the text ends inside an opened thinking block
  std::string note;              // what was left out, for the request log
};

// The template that a model renders with: its own, else ChatML.
const ChatTemplate& chat_template_of(const Model& model);

// In the following, chat is the template instead of the model's own; null: that one.

// The conversation as text, with the texts of the model's begin and end tokens.
Result<RenderedChat> render_chat(const Model& model, const ChatInput& input,
                                 const ChatTemplate* chat = nullptr);

// Renders the chat; drops the oldest messages (never system messages, never the last)
// while it is longer than the context and limits.truncate allows it.
// Errors: what the template raises; too long.
Result<Prompt> chat_prompt(const Model& model, const ChatInput& input, const PromptLimits& limits,
                           const ChatTemplate* chat = nullptr);
// prefix (an earlier conversation) and the rendered chat.
Result<Prompt> completion_prompt(const Model& model, const std::string& prefix,
                                 const ChatInput& input, const PromptLimits& limits,
                                 const ChatTemplate* chat = nullptr);
// text as it is.
Result<Prompt> raw_prompt(const Model& model, const std::string& text, const PromptLimits& limits);

// Whether a prompt ends with the tag that opens the reasoning, white space aside.
bool opens_thinking(std::string_view prompt, std::string_view tag);

// How many tokens a context shift keeps at the front.
int effective_keep(const Model& model, int num_keep, size_t prompt_tokens);

}  // namespace engine
