// The terminal in raw mode, and its bytes.
#pragma once

#include <memory>
#include <string_view>

namespace engine::cli {

// Raw while it lives: no echo, no lines, no signals. Signals that end the program put the terminal
// back. One at a time.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool good() const { return good_; }  // false: stdin is no terminal any more
  int waiting() const;                 // bytes that were typed already
  // As KeyReader::NextByte.
  static int next_byte(int timeout);
  static void write(std::string_view bytes);

 private:
  bool good_ = false;
};

// The terminal marks pasted text while one of these lives.
class BracketedPaste {
 public:
  BracketedPaste();
  ~BracketedPaste();
};

// Stops this program and its group as Ctrl-Z does; returns when it goes on.
// Requires: no RawTerminal lives.
void suspend_program();

}  // namespace engine::cli
