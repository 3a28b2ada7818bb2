// HarmonyParser: answers of gpt-oss, a row of messages with a channel and perhaps a recipient:
//   <|start|>assistant<|channel|>analysis<|message|>...<|end|><|start|>assistant to=functions.f...
// The prompt ends with <|start|>assistant, so the text begins inside a header.
#pragma once

#include <string>
#include <string_view>

#include "engine/text/output/call_reader.h"

namespace engine {

class HarmonyParser {
 public:
  // calls: messages to a tool are calls, else content.
  explicit HarmonyParser(bool calls) : calls_(calls) {}

  void push(std::string_view text, std::string& thinking, std::string& content, ToolCalls& calls);
  void finish(std::string& thinking, std::string& content, ToolCalls& calls);

 private:
  enum class State : uint8_t { header, body, between };
  enum class Mode : uint8_t { content, thinking, call };
  bool step(std::string& thinking, std::string& content, ToolCalls& calls, bool last);
  void read_header(std::string_view header);
  void end_call(std::string& content, ToolCalls& calls);

  const bool calls_;
  State state_ = State::header;
  Mode mode_ = Mode::content;
  std::string held_, recipient_, body_;
};

}  // namespace engine
