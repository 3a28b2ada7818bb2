// HarmonyParser: answers of gpt-oss, a row of messages with a channel and perhaps a recipient:
//   <|start|>assistant<|channel|>analysis<|message|>...<|end|><|start|>assistant to=functions.f...
// The prompt ends with <|start|>assistant, so the text begins inside a header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/output/call_reader.h"
#include "engine/text/output/harmony_names.h"

namespace engine {

struct ByteSpan {
  size_t begin, end;
};

class HarmonyParser {
 public:
  // tools: of the request. calls: messages to a tool are calls, else content.
  HarmonyParser(bool calls, const Json* tools) : calls_(calls), names_(tools) {}

  void push(std::string_view text, std::string& thinking, std::string& content, ToolCalls& calls);
  void finish(std::string& thinking, std::string& content, ToolCalls& calls);
  // Where the reasoning lay in what was pushed.
  const std::vector<ByteSpan>& thought() const { return thought_; }

 private:
  enum class State : uint8_t { header, body, between };
  enum class Mode : uint8_t { content, thinking, call };
  bool step(std::string& thinking, std::string& content, ToolCalls& calls, bool last);
  void read_header(std::string_view header);
  void end_call(std::string& content, ToolCalls& calls);

  const bool calls_;
  const HarmonyNames names_;
  State state_ = State::header;
  Mode mode_ = Mode::content;
  std::string held_, recipient_, body_;
  size_t pushed_ = 0;  // bytes
  std::vector<ByteSpan> thought_;
};

}  // namespace engine
