// A text being edited as rows of a terminal, and the drawing of them over what is there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/cli/terminal.h"

namespace engine::cli {

struct EditRows {
  std::vector<std::string> rows;  // each with its prompt
  int row = 0, column = 0;        // of the cursor
};

struct EditPrompts {
  std::string first, next;   // in front of the first row and of all others, wrapped ones too
  std::string hint;          // in grey behind the first prompt while the text is empty
  std::string hint_in_next;  // likewise, in an empty last line of several
};

// No row is wider than columns - 1, so that the cursor has a place behind its end.
EditRows lay_out(std::string_view text, size_t cursor, const EditPrompts& prompts, int columns);

class EditScreen {
 public:
  // Bytes that show these rows instead of those drawn before. Of more rows than the terminal has,
  // those around the cursor are shown.
  std::string draw(const EditRows& rows, const TerminalSize& size);
  // Bytes that leave all rows above the cursor, which goes to the begin of the next line.
  std::string leave(const EditRows& rows);
  // Bytes that take everything away again.
  std::string erase();
  // What was drawn is gone, and the cursor stands at the begin of a line.
  void forget() { cursor_row_ = 0, top_ = 0; }

 private:
  std::string to_top() const;
  int cursor_row_ = 0;  // within the rows that are shown
  size_t top_ = 0;      // first row that is shown
};

}  // namespace engine::cli
