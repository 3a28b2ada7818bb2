// Readers of the text of one call (or of several between the same tags), one per CallBody.
#pragma once

#include <string_view>
#include <vector>

#include "engine/text/chat_template.h"
#include "engine/text/output/answer_format.h"
#include "engine/text/output/tool_set.h"

namespace engine {

using ToolCalls = std::vector<ChatToolCall>;

// Appends the calls in body, the text between the tags. false: it is no call; then out is as before.
bool read_calls(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                ToolCalls& out);

// The single readers; may leave calls behind when they fail.
bool read_json_calls(const AnswerFormat&, std::string_view body, ToolCalls& out);
bool read_name_json_call(const AnswerFormat&, std::string_view body, const ToolSet&, ToolCalls&);
bool read_generic_call(std::string_view body, const ToolSet&, ToolCalls&);
bool read_tagged_calls(const AnswerFormat&, std::string_view body, const ToolSet&, ToolCalls&);
bool read_pairs_call(const AnswerFormat&, std::string_view body, const ToolSet&, ToolCalls&);
bool read_framed_call(const AnswerFormat&, std::string_view body, const ToolSet&, ToolCalls&);
bool read_nested_call(const AnswerFormat&, std::string_view body, const ToolSet&, ToolCalls&);
bool read_python_calls(std::string_view body, ToolCalls& out);
bool read_bare_calls(const AnswerFormat&, std::string_view body, ToolCalls& out);

// Adds a call whose name and arguments are of the right form.
bool add_call(std::string_view name, const Json& arguments, ToolCalls& out);

}  // namespace engine
