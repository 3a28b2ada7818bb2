// Answers that must be calls of tools: the grammar of such an answer of a model.
#pragma once

#include <string>
#include <string_view>

#include "engine/grammar/tool_calls.h"
#include "engine/run/constrain.h"
#include "engine/text/output/answer_format.h"

namespace engine {

// What a request says about the calls of its tools.
struct ToolChoice {
  bool forced = false;   // the answer must be a call
  std::string name;      // of the only tool that may be called then; "": any
  bool parallel = true;  // more than one call
};

// How the format writes calls, without the tokens of a model.
grammar::CallShape call_shape(const AnswerFormat& format);

// format, call_tag: how the answers to the template are read (Prompt). tools: array of {function}.
// Errc::invalid_argument: what the format, or a grammar, cannot do.
Result<OutputFormat> forced_calls(const Model& model, const AnswerFormat& format,
                                  std::string_view call_tag, const Json& tools,
                                  const ToolChoice& choice);

}  // namespace engine
