// A small terminal without a screen: takes the bytes a program writes and knows what would be seen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine {

// Understands what the command line uses: CR, LF, BS, TAB, cursor movement, erasing, colors (ignored
// but remembered as grey or not), automatic wrap with the pending column of real terminals, scrolling.
class VirtualTerminal {
 public:
  VirtualTerminal(int columns, int rows);
  void feed(std::string_view bytes);

  std::string line(int row) const;  // without trailing blanks
  std::string screen() const;       // all lines down to the last one with text, each with its "\n"
  std::string all() const;          // what scrolled away, then the screen
  int row() const { return row_; }
  int column() const { return column_; }
  bool cursor_visible() const { return visible_; }
  bool bracketed_paste() const { return paste_; }
  bool grey_at(int row, int column) const;
  // Sequences that it does not know: a program should not send any.
  const std::string& unknown() const { return unknown_; }

 private:
  struct Cell {
    std::string text = " ";  // "": the second half of a wide character
    bool grey = false;
  };
  using Line = std::vector<Cell>;
  void put(char32_t code, std::string_view bytes);
  void line_feed();
  void control(std::string_view parameters, char final);
  static std::string text_of(const Line& line);

  int columns_, rows_, row_ = 0, column_ = 0;
  bool pending_wrap_ = false, visible_ = true, paste_ = false, grey_ = false;
  std::vector<Line> lines_;
  std::vector<std::string> scrolled_;
  std::string rest_;  // a sequence that is not complete yet
  std::string unknown_;
};

}  // namespace engine
