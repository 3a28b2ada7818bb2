// The line editor of the interactive session: editing keys, history, pasted text; by libedit.
#pragma once

#include <memory>
#include <string>

namespace engine::cli {

// The terminal is in its usual mode whenever read() is not running.
class LineEditor {
 public:
  enum class End {
    enter,        // the line is complete
    more,         // the message goes on: Ctrl-J, or a line end inside pasted text
    interrupted,  // Ctrl-C
    closed,       // Ctrl-D on an empty line, or the terminal is gone
  };

  // history: a file of one entry a line, "" for none.
  explicit LineEditor(const std::string& history);
  ~LineEditor();

  End read(const std::string& prompt, std::string& line);
  void remember(const std::string& entry);  // into the history, and into its file
  void save_history(bool on);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine::cli
