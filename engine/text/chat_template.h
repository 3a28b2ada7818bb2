// Chat templates: a Jinja program or a Go template that turns messages, tools and settings into the
// prompt of a model. Parsed once per model, rendered per request; immutable and thread-safe.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine {

namespace jinja {
struct Program;
}
namespace gotemplate {
struct Program;
}

struct ChatPart {
  enum class Kind : uint8_t { text, image, audio } kind = Kind::text;
  std::string text;
};

struct ChatToolCall {
  std::string id, name;
  std::string arguments;  // JSON text of an object
};

struct ChatMessage {
  std::string role;
  std::string content;
  std::vector<ChatPart> parts;  // when not empty, instead of content
  std::string thinking;
  std::vector<ChatToolCall> tool_calls;
  std::string tool_name, tool_call_id;  // of a tool's answer
};

// The content, or its parts joined; media are the markers that stand for them.
std::string content_text(const ChatMessage& message);

struct ChatInput {
  std::vector<ChatMessage> messages;
  const Json* tools = nullptr;   // array of {type, function}; null or empty: none
  const Json* kwargs = nullptr;  // object: further variables, they win over ours
  bool add_generation_prompt = true;
  std::optional<bool> think;
  std::string effort;    // low, medium, high, ...; empty: not given
  std::string suffix;    // Go templates: the text behind the gap that the last message precedes
  std::string bos, eos;  // texts of the tokens
  std::time_t now = 0;   // 0: the present
};

struct RenderedChat {
  struct Range {
    size_t begin, end;
  };
  std::string text;
  // Bytes that came from the request, ascending and disjoint:
  // there no control token may be recognised.
  std::vector<Range> input;
};

// What a template makes use of, found by rendering small conversations.
struct ChatCapabilities {
  bool system_role = false;
  bool string_content = false, typed_content = false;  // content as text; as a list of parts
  bool tools = false, tool_calls = false, parallel_tool_calls = false;
  bool object_arguments = true;     // tool calls take objects; else JSON text
  bool null_content = false;        // tool calls without content show only when it is none
  bool preserve_reasoning = false;  // shows the thinking of earlier turns
  bool thinking_switch = false, reasoning_effort = false;
  bool insert = false;           // fills gaps: ChatInput::suffix
  bool tool_round_trip = false;  // Go: shows calls and the results of tools
};

// What stands around the reasoning in an answer; both empty: nothing marks it.
struct ThinkingTags {
  std::string open, close;
};

struct AnswerFormat;

class ChatTemplate {
 public:
  // Empty or `chatml`: the ChatML layout. Errc::invalid_argument names the line of a syntax error.
  static Result<ChatTemplate> parse(std::string_view source);
  // A Go template, as TEMPLATE of a Modelfile. Errc::invalid_argument as above.
  static Result<ChatTemplate> parse_go(std::string_view source);

  // Exactly these variables. Errc::invalid_argument carries the text that the template gave
  // to raise_exception, or any error of a Go template; Errc::internal is an error of a Jinja template
  // itself or a limit.
  Result<std::string> render(const Json& variables) const;
  Result<std::string> render(const Json& variables, std::time_t now) const;

  // Messages brought into the shape that this template handles.
  // A last assistant message is continued, not closed.
  Result<RenderedChat> render(const ChatInput& input) const;

  // What add_generation_prompt adds: shows whether the answer starts inside a thinking block.
  // Go templates do not tell it apart: empty.
  Result<std::string> generation_prompt(ChatInput input) const;

  const ChatCapabilities& capabilities() const { return capabilities_; }
  const std::string& source() const { return *source_; }
  const ThinkingTags& thinking_tags() const { return thinking_tags_; }
  // Of a Go template: what a call of a tool begins with, "{" where nothing says so. Jinja: empty.
  const std::string& call_tag() const { return call_tag_; }
  // How answers mark calls of tools and reasoning; never null.
  const std::shared_ptr<const AnswerFormat>& answer_format() const { return answer_format_; }

 private:
  ChatTemplate() = default;
  Result<RenderedChat> run(const Json& variables, std::time_t now, bool tolerant) const;
  Json variables(const ChatInput& input) const;
  Json messages(const std::vector<ChatMessage>& messages) const;
  void probe();

  std::shared_ptr<const std::string> source_;
  std::shared_ptr<const jinja::Program> program_;
  std::shared_ptr<const gotemplate::Program> go_;  // then program_ is null
  ChatCapabilities capabilities_;
  ThinkingTags thinking_tags_ = {"<think>", "</think>"};
  std::string call_tag_;
  std::shared_ptr<const AnswerFormat> answer_format_;
};

}  // namespace engine
