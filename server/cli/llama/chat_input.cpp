#include "server/cli/llama/chat_input.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "server/cli/interrupt.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

// A line of stdin without its end; false: there is none. Byte by byte, so that Ctrl-C is seen.
bool read_line(std::string& line) {
  line.clear();
  char c = 0;
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR && !interrupted()) continue;
    if (n <= 0) return !line.empty() && !interrupted();
    if (c == '\n') return true;
    line += c;
  }
}

}  // namespace

bool chat_message_complete(const std::string& text, bool multiline) {
  return text.ends_with('\\') == multiline;
}

std::string chat_message(const std::string& text, bool multiline) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '\\' && (i + 1 == text.size() || text[i + 1] == '\n');
    if (!mark || (multiline && i + 1 < text.size())) out += text[i];
  }
  return out;
}

ChatInput::ChatInput(bool multiline, bool simple, std::string prompt)
    : multiline_(multiline), prompt_(std::move(prompt)) {
  if (simple || !stdin_is_terminal() || !takes_escapes(stdout)) return;
  LineEditor::Look look;
  look.prompts = {prompt_, std::string(prompt_.size(), ' '), "", ""};
  look.complete = [multiline](const std::string& text) {
    return text.starts_with('/') || chat_message_complete(text, multiline);
  };
  editor_ = std::make_unique<LineEditor>("", look);
}

LineEditor::End ChatInput::read_plain(std::string& message) {
  message.clear();
  std::fputs(prompt_.c_str(), stdout);
  std::fflush(stdout);
  std::string line;
  while (read_line(line)) {
    message += (message.empty() ? "" : "\n") + line;
    if (message.starts_with('/') || chat_message_complete(message, multiline_))
      return LineEditor::End::enter;
  }
  if (interrupted()) return LineEditor::End::interrupted;
  return message.empty() ? LineEditor::End::closed : LineEditor::End::enter;
}

LineEditor::End ChatInput::read(std::string& message) {
  const LineEditor::End end = editor_ ? editor_->read(message) : read_plain(message);
  if (end != LineEditor::End::enter) return end;
  if (editor_) editor_->remember(message);
  message = chat_message(message, multiline_);
  return end;
}

}  // namespace engine::cli
