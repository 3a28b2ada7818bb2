// The text being edited and the cursor in it; knows nothing of terminals.
#pragma once

#include <string>
#include <string_view>

namespace engine::cli {

// The text may have several lines, with "\n" between them. The cursor is a byte offset and always
// stands between characters as people see them.
class EditBuffer {
 public:
  const std::string& text() const { return text_; }
  size_t cursor() const { return cursor_; }
  bool empty() const { return text_.empty(); }
  std::string_view line() const;  // the one the cursor is in

  void set(std::string text);  // the cursor goes to its end
  void insert(std::string_view text);

  void left();
  void right();
  void word_left();
  void word_right();
  void line_start();
  void line_end();
  bool up();  // false: this is the first line
  bool down();

  void erase_before();
  void erase_under();
  void erase_word_before();
  void erase_to_line_start();
  void erase_to_line_end();

 private:
  size_t line_begin() const;
  size_t line_end_at() const;
  size_t word_begin() const;
  void move_to_line(size_t begin, int column);

  std::string text_;
  size_t cursor_ = 0;
};

}  // namespace engine::cli
