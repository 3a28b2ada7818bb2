// The line editor of interactive sessions: keys, several lines, pasted text, history.
#pragma once

#include <functional>
#include <string>

#include "server/cli/edit_buffer.h"
#include "server/cli/edit_screen.h"
#include "server/cli/history.h"
#include "server/cli/keys.h"
#include "server/cli/raw_terminal.h"

namespace engine::cli {

// stdin and stdout are a terminal, which is in its usual mode whenever read() is not running. One at
// a time, used by one thread.
class LineEditor {
 public:
  enum class End {
    enter,
    interrupted,  // Ctrl-C
    closed,       // Ctrl-D on an empty line, or the terminal is gone
  };
  struct Look {
    EditPrompts prompts;
    // Whether Enter ends this text; else it adds a line. Empty: always.
    std::function<bool(const std::string& text)> complete = {};
    // The prompts for a text, if they depend on it. Empty: they do not.
    std::function<EditPrompts(const std::string& text)> prompts_for = {};
  };

  // history: see InputHistory.
  LineEditor(const std::string& history, Look look);

  End read(std::string& text);
  void remember(const std::string& entry) { history_.add(entry); }
  void save_history(bool on) { history_.save(on); }

 private:
  // false: reading ends with `end`.
  bool handle(const Key& key, End& end);
  void edit(const Key& key);
  void draw();
  void leave();
  EditPrompts prompts() const;
  void edit_outside();
  void suspend();

  InputHistory history_;
  Look look_;
  KeyReader keys_{RawTerminal::next_byte};
  BracketedPaste paste_;
  EditBuffer buffer_;
  EditScreen screen_;
  std::unique_ptr<RawTerminal> raw_;  // while read() runs
};

}  // namespace engine::cli
