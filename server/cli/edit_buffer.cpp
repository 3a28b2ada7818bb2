#include "server/cli/edit_buffer.h"

#include <algorithm>

#include "server/cli/forms.h"
#include "server/cli/text_width.h"

namespace engine::cli {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

}  // namespace

size_t EditBuffer::line_begin() const {
  const size_t end = cursor_ == 0 ? std::string::npos : text_.rfind('\n', cursor_ - 1);
  return end == std::string::npos ? 0 : end + 1;
}

size_t EditBuffer::line_end_at() const {
  return std::min(text_.find('\n', cursor_), text_.size());
}

std::string_view EditBuffer::line() const {
  return std::string_view(text_).substr(line_begin(), line_end_at() - line_begin());
}

void EditBuffer::set(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

void EditBuffer::insert(std::string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void EditBuffer::left() {
  cursor_ = previous_cluster(text_, cursor_);
}
void EditBuffer::right() {
  cursor_ = next_cluster(text_, cursor_);
}

size_t EditBuffer::word_begin() const {
  size_t at = cursor_;
  while (at > 0 && is_blank(text_[at - 1])) --at;
  while (at > 0 && !is_blank(text_[at - 1])) --at;
  return at;
}

void EditBuffer::word_left() {
  cursor_ = word_begin();
}

void EditBuffer::word_right() {
  while (cursor_ < text_.size() && is_blank(text_[cursor_])) ++cursor_;
  while (cursor_ < text_.size() && !is_blank(text_[cursor_])) ++cursor_;
}

void EditBuffer::line_start() {
  cursor_ = line_begin();
}
void EditBuffer::line_end() {
  cursor_ = line_end_at();
}

void EditBuffer::move_to_line(size_t begin, int column) {
  cursor_ = begin;
  while (cursor_ < text_.size() && text_[cursor_] != '\n') {
    const size_t next = next_cluster(text_, cursor_);
    column -= display_width(text_.substr(cursor_, next - cursor_));
    if (column < 0) break;
    cursor_ = next;
  }
}

bool EditBuffer::up() {
  const size_t begin = line_begin();
  if (begin == 0) return false;
  const int column = display_width(text_.substr(begin, cursor_ - begin));
  cursor_ = begin - 1;
  move_to_line(line_begin(), column);
  return true;
}

bool EditBuffer::down() {
  const size_t begin = line_begin(), end = line_end_at();
  if (end == text_.size()) return false;
  move_to_line(end + 1, display_width(text_.substr(begin, cursor_ - begin)));
  return true;
}

void EditBuffer::erase_before() {
  const size_t begin = previous_cluster(text_, cursor_);
  text_.erase(begin, cursor_ - begin);
  cursor_ = begin;
}

void EditBuffer::erase_under() {
  text_.erase(cursor_, next_cluster(text_, cursor_) - cursor_);
}

void EditBuffer::erase_word_before() {
  const size_t begin = word_begin();
  text_.erase(begin, cursor_ - begin);
  cursor_ = begin;
}

void EditBuffer::erase_to_line_start() {
  const size_t begin = line_begin();
  text_.erase(begin, cursor_ - begin);
  cursor_ = begin;
}

void EditBuffer::erase_to_line_end() {
  text_.erase(cursor_, line_end_at() - cursor_);
}

}  // namespace engine::cli
