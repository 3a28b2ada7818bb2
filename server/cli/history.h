// What was entered before: kept in a file that other programs may share.
#pragma once

#include <deque>
#include <string>

namespace engine::cli {

class InputHistory {
 public:
  // path: a file of one entry a line, newest last; "": nothing is read or written.
  explicit InputHistory(std::string path);

  // The newest 100 are kept. Entries of several lines are remembered, but not written.
  void add(const std::string& entry);
  void save(bool on) { save_ = on; }

  // Walks: older() and newer() give the entry to show instead of `current`. What was being typed
  // comes back at the end.
  void begin_walk() { at_ = entries_.size(); }
  bool older(const std::string& current, std::string& shown);
  bool newer(std::string& shown);

 private:
  void write() const;
  std::string path_, unfinished_;
  std::deque<std::string> entries_;
  size_t at_ = 0;
  bool save_ = true;
};

// $HOME/.ollama/history, or "" where no history is wanted.
std::string history_path();

}  // namespace engine::cli
