// An answer on its way to the terminal: wrapped at words, reasoning in grey;
// untouched when stdout is no terminal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/cli/terminal.h"

namespace engine::cli {

class WordWrap {
 public:
  WordWrap(int width, bool on) : width_(width), on_(on && width >= 10) {}
  void write(std::string_view text, std::string& out);

 private:
  int width_;
  bool on_;
  int column_ = 0, word_width_ = 0;
  std::string word_;
};

// The lines around reasoning.
struct ThinkingMarks {
  const char *open = "Thinking...", *close = "...done thinking.";
};

class AnswerPrinter {
 public:
  AnswerPrinter(bool wrap, bool hide_thinking, ThinkingMarks marks = {});
  void thinking(std::string_view text);
  void content(std::string_view text);
  void finish();  // ends an open block of reasoning
  bool empty() const { return !printed_; }

 private:
  void write(std::string_view text);
  bool terminal_, hide_thinking_, printed_ = false, in_thinking_ = false,
                                  thinking_ended_line_ = true;
  WordWrap thinking_wrap_, content_wrap_;
  ThinkingMarks marks_;
};

// "⠋" turning on stderr until the first text comes; nothing when stderr is no terminal.
class Spinner {
 public:
  Spinner();
  ~Spinner();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine::cli
