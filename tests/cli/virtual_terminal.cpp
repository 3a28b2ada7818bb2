#include "tests/cli/virtual_terminal.h"

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cwchar>

namespace engine {

VirtualTerminal::VirtualTerminal(int columns, int rows)
    : columns_(columns), rows_(rows), lines_(static_cast<size_t>(rows)) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // wcwidth
  for (Line& line : lines_) line.resize(static_cast<size_t>(columns));
}

std::string VirtualTerminal::text_of(const Line& line) {
  std::string out;
  for (const Cell& cell : line) out += cell.text;
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

std::string VirtualTerminal::line(int row) const {
  return text_of(lines_.at(static_cast<size_t>(row)));
}

std::string VirtualTerminal::screen() const {
  std::string out, blank;
  for (const Line& line : lines_) {
    const std::string text = text_of(line);
    blank += text + "\n";
    if (!text.empty()) out += blank, blank.clear();
  }
  return out;
}

std::string VirtualTerminal::all() const {
  std::string out;
  for (const std::string& line : scrolled_) out += line + "\n";
  return out + screen();
}

bool VirtualTerminal::grey_at(int row, int column) const {
  return lines_.at(static_cast<size_t>(row)).at(static_cast<size_t>(column)).grey;
}

void VirtualTerminal::line_feed() {
  if (++row_ < rows_) return;
  row_ = rows_ - 1;
  scrolled_.push_back(text_of(lines_.front()));
  lines_.erase(lines_.begin());
  lines_.emplace_back(static_cast<size_t>(columns_));
}

void VirtualTerminal::put(char32_t code, std::string_view bytes) {
  const int width = std::max(0, ::wcwidth(static_cast<wchar_t>(code)));
  if (width == 0) {  // a mark of the character before
    Line& line = lines_[static_cast<size_t>(row_)];
    int at = pending_wrap_ ? columns_ - 1 : column_ - 1;
    while (at > 0 && line[static_cast<size_t>(at)].text.empty()) --at;
    if (at >= 0) line[static_cast<size_t>(at)].text += bytes;
    return;
  }
  if (pending_wrap_ || column_ + width > columns_) {
    column_ = 0;
    pending_wrap_ = false;
    line_feed();
  }
  Line& line = lines_[static_cast<size_t>(row_)];
  const size_t at = static_cast<size_t>(column_);
  // half of a wide character that is written over leaves a blank
  if (line[at].text.empty() && at > 0) line[at - 1].text = " ";
  if (at + static_cast<size_t>(width) < line.size() &&
      line[at + static_cast<size_t>(width)].text.empty())
    line[at + static_cast<size_t>(width)].text = " ";
  line[at] = {std::string(bytes), grey_};
  if (width == 2) line[at + 1] = {"", grey_};
  column_ += width;
  if (column_ >= columns_) {
    column_ = columns_ - 1;
    pending_wrap_ = true;
  }
}

void VirtualTerminal::control(std::string_view parameters, char final) {
  const int given = std::atoi(std::string(parameters).c_str());
  const int n = std::max(1, given);
  Line& line = lines_[static_cast<size_t>(row_)];
  const auto erase = [](Line& l, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) l[i] = Cell();
  };
  if (parameters.starts_with("?")) {
    if (parameters == "?25") visible_ = final == 'h';
    if (parameters == "?2004") paste_ = final == 'h';
    if ((final != 'h' && final != 'l') ||
        (parameters != "?25" && parameters != "?2004" && parameters != "?2026"))
      unknown_ += "[" + std::string(parameters) + final;
    return;
  }
  if (final != 'm') pending_wrap_ = false;
  switch (final) {
    case 'A':
      row_ = std::max(0, row_ - n);
      break;
    case 'B':
      row_ = std::min(rows_ - 1, row_ + n);
      break;
    case 'C':
      column_ = std::min(columns_ - 1, column_ + n);
      break;
    case 'D':
      column_ = std::max(0, column_ - n);
      break;
    case 'G':
      column_ = std::min(columns_, n) - 1;
      break;
    case 'H':
      row_ = column_ = 0;
      break;
    case 'K':
      erase(line, given == 2 ? 0 : static_cast<size_t>(column_), line.size());
      break;
    case 'J':
      erase(line, given == 2 ? 0 : static_cast<size_t>(column_), line.size());
      for (int r = given == 2 ? 0 : row_ + 1; r < rows_; ++r)
        erase(lines_[static_cast<size_t>(r)], 0, line.size());
      break;
    case 'm':
      grey_ = parameters == "90" || parameters == "38;5;245";
      break;
    default:
      unknown_ += "[" + std::string(parameters) + final;
  }
}

void VirtualTerminal::feed(std::string_view bytes) {
  rest_ += bytes;
  std::string_view text = rest_;
  while (!text.empty()) {
    const unsigned char c = static_cast<unsigned char>(text[0]);
    size_t used = 1;
    if (c == 0x1b) {
      if (text.size() < 2) break;
      if (text[1] != '[') {
        unknown_ += text[1];
        text.remove_prefix(2);
        continue;
      }
      const size_t end = text.find_first_not_of("0123456789;?", 2);
      if (end == std::string_view::npos) break;
      control(text.substr(2, end - 2), text[end]);
      used = end + 1;
    } else if (c == '\r') {
      column_ = 0, pending_wrap_ = false;
    } else if (c == '\n') {
      pending_wrap_ = false;
      line_feed();
    } else if (c == '\b') {
      column_ = std::max(0, column_ - 1), pending_wrap_ = false;
    } else if (c == '\t') {
      column_ = std::min(columns_ - 1, column_ / 8 * 8 + 8);
    } else if (c < 0x20 || c == 0x7f) {
      if (c != 7) unknown_ += static_cast<char>(c);
    } else {
      used = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
      if (text.size() < used) break;
      char32_t code = used == 1 ? c : c & (0x7Fu >> used);
      for (size_t i = 1; i < used; ++i)
        code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
      put(code, text.substr(0, used));
    }
    text.remove_prefix(used);
  }
  rest_ = std::string(text);
}

}  // namespace engine
