// Messages typed into the chat of llama-cli, or piped in.
#pragma once

#include <memory>
#include <string>

#include "server/cli/line_editor.h"

namespace engine::cli {

// A line that ends in "\" goes on; with `multiline` every line goes on but one that ends in "\".
class ChatInput {
 public:
  // simple: no line editing, as in a pipe.
  ChatInput(bool multiline, bool simple, std::string prompt = "> ");
  LineEditor::End read(std::string& message);

 private:
  LineEditor::End read_plain(std::string& message);
  bool multiline_;
  std::string prompt_;
  std::unique_ptr<LineEditor> editor_;  // nullptr: plain
};

// Whether the text is a whole message, and the message without its marks.
bool chat_message_complete(const std::string& text, bool multiline);
std::string chat_message(const std::string& text, bool multiline);

}  // namespace engine::cli
