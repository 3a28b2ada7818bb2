#include "server/cli/edit_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/cli/forms.h"
#include "server/cli/text_width.h"

namespace engine::cli {
namespace {

constexpr int kTab = 8;

// Text of a row that is being filled.
class RowWriter {
 public:
  RowWriter(EditRows& out, const EditPrompts& prompts, int columns)
      : out_(out), prompts_(prompts), columns_(columns) {
    begin(prompts.first);
  }
  void next() { begin(prompts_.next); }
  void put(const Rune& rune) {
    const bool tab = rune.code == '\t';
    const int width = tab ? kTab : rune.width;
    if (column_ + width > columns_ - 1 && column_ > prompt_width_) next();
    // what cannot be decoded is shown as what it is sent as
    out_.rows.back() += tab                   ? std::string_view("        ")
                        : rune.code == 0xFFFD ? std::string_view("\uFFFD")
                        : rune.code < ' '     ? std::string_view("?")
                                              : rune.bytes;
    column_ += width;
  }
  void place_cursor() {
    out_.row = static_cast<int>(out_.rows.size()) - 1;
    out_.column = column_;
  }
  bool row_is_empty() const { return column_ == prompt_width_; }
  void hint(const std::string& text) {
    const std::string shown = clipped(text, columns_ - 1 - column_);
    if (!shown.empty()) out_.rows.back() += "\x1b[90m" + shown + "\x1b[0m";
  }

 private:
  void begin(const std::string& prompt) {
    out_.rows.push_back(prompt);
    column_ = prompt_width_ = display_width(prompt);
  }
  EditRows& out_;
  const EditPrompts& prompts_;
  int columns_, column_ = 0, prompt_width_ = 0;
};

}  // namespace

EditRows lay_out(std::string_view text, size_t cursor, const EditPrompts& prompts, int columns) {
  EditRows out;
  RowWriter writer(out, prompts, columns);
  size_t at = 0;
  while (at < text.size()) {
    const size_t begin = at;
    const Rune rune = next_rune(text, at);
    if (begin == cursor && rune.code == '\n') writer.place_cursor();
    if (rune.code == '\n') {
      writer.next();
      continue;
    }
    writer.put(rune);
    if (begin == cursor) {  // on the character, wherever it went
      writer.place_cursor();
      out.column -= rune.code == '\t' ? kTab : rune.width;
    }
  }
  if (cursor >= text.size()) {
    writer.place_cursor();
    if (text.empty())
      writer.hint(prompts.hint);
    else if (writer.row_is_empty())
      writer.hint(prompts.hint_in_next);
  }
  return out;
}

std::string EditScreen::to_top() const {
  return cursor_row_ > 0 ? fmt::format("\r\x1b[{}A", cursor_row_) : "\r";
}

std::string EditScreen::draw(const EditRows& rows, const TerminalSize& size) {
  const size_t most = static_cast<size_t>(std::max(1, size.rows));
  const size_t cursor = static_cast<size_t>(rows.row);
  const size_t count = std::min(most, rows.rows.size());
  if (cursor < top_) top_ = cursor;
  if (cursor >= top_ + most) top_ = cursor + 1 - most;
  top_ = std::min(top_, rows.rows.size() - count);
  std::string out = "\x1b[?25l" + to_top();
  for (size_t i = top_; i < top_ + count; ++i) {
    if (i > top_) out += "\r\n";
    out += rows.rows[i] + "\x1b[K";
  }
  out += "\x1b[J";
  cursor_row_ = static_cast<int>(cursor - top_);
  if (const size_t up = count - 1 - (cursor - top_); up > 0) out += fmt::format("\x1b[{}A", up);
  out += rows.column > 0 ? fmt::format("\r\x1b[{}C", rows.column) : "\r";
  return out + "\x1b[?25h";
}

std::string EditScreen::leave(const EditRows& rows) {
  std::string out = to_top();
  for (const std::string& row : rows.rows) out += row + "\x1b[K\r\n";
  forget();
  return out + "\x1b[J";
}

std::string EditScreen::erase() {
  const std::string out = to_top() + "\x1b[J";
  forget();
  return out;
}

}  // namespace engine::cli
