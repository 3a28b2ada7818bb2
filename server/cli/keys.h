// Bytes of a terminal in raw mode as keys.
#pragma once

#include <functional>
#include <string>

namespace engine::cli {

struct Key {
  enum Kind {
    none,   // a key without a meaning here
    text,   // characters to insert
    paste,  // pasted text; its line ends are "\n"
    enter,
    newline,  // Ctrl-J
    interrupt,
    end_of_input,  // Ctrl-D
    closed,        // the terminal is gone
    redraw,        // nothing was typed, but the size of the terminal changed
    left,
    right,
    up,
    down,
    word_left,
    word_right,
    line_start,
    line_end,
    erase_before,
    erase_under,
    erase_word,
    erase_to_start,
    erase_to_end,
    clear_screen,
    editor,
    suspend
  } kind = none;
  std::string characters = {};
};

class KeyReader {
 public:
  enum : int { timed_out = -1, closed = -2, resized = -3 };
  // The next byte, or one of the above; timeout in ms, -1: for ever.
  using NextByte = std::function<int(int timeout)>;
  explicit KeyReader(NextByte next_byte) : next_byte_(std::move(next_byte)) {}

  Key next();
  // The next n bytes were typed while the terminal was in its usual mode, where Enter is a line feed.
  void typed_ahead(int n) { typed_ahead_ = n; }

 private:
  int byte(int timeout);
  Key escape();
  Key sequence(const std::string& parameters, char final);
  Key pasted();
  Key characters(unsigned char first);

  NextByte next_byte_;
  int typed_ahead_ = 0;
};

}  // namespace engine::cli
