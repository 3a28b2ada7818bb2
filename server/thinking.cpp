// A state machine: white space before the opening tag and around the tags is dropped; text before a
// tag ends the search for one.
#include "server/thinking.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

size_t leading_blanks(std::string_view s) {
  return std::min(s.find_first_not_of(kBlank), s.size());
}

// Length of the longest end of text that is a beginning of tag.
size_t overlap(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n)
    if (text.ends_with(tag.substr(0, n))) return n;
  return 0;
}

}  // namespace

ThinkingSplitter::ThinkingSplitter(std::string open, std::string close, bool inside)
    : open_(std::move(open)),
      close_(std::move(close)),
      state_(inside ? State::inside : State::before) {}

ThinkingSplitter::Part ThinkingSplitter::push(std::string_view text) {
  held_ += text;
  Part out;
  step(out, false);
  return out;
}

ThinkingSplitter::Part ThinkingSplitter::finish() {
  Part out;
  step(out, true);
  return out;
}

void ThinkingSplitter::step(Part& out, bool last) {
  if (state_ == State::before) {
    const std::string_view text = std::string_view(held_).substr(leading_blanks(held_));
    if (text.starts_with(open_)) {
      held_ = std::string(text.substr(open_.size()));
      state_ = State::inside;
    } else if (!last && std::string_view(open_).starts_with(text)) {
      return;  // the tag may still come
    } else {
      state_ = State::content;
    }
  }
  if (state_ == State::inside) {
    if (!begun_) held_.erase(0, leading_blanks(held_));
    const size_t at = held_.find(close_);
    if (at != std::string::npos) {
      out.thinking += held_.substr(0, at);
      held_.erase(0, at + close_.size());
      state_ = State::after_close;
    } else {
      const size_t keep = last ? 0 : overlap(held_, close_);
      out.thinking += held_.substr(0, held_.size() - keep);
      held_.erase(0, held_.size() - keep);
      begun_ = begun_ || !out.thinking.empty();
      return;
    }
  }
  if (state_ == State::after_close) {
    held_.erase(0, leading_blanks(held_));
    if (held_.empty()) return;
    state_ = State::content;
  }
  out.content += held_;
  held_.clear();
}

}  // namespace engine
