#include "server/cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "server/cli/forms.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

constexpr size_t kSamples = 10;
constexpr int kFrame = 5;  // the edges of the bar, the blanks around it, and one column left free
// current/total, two blanks, rate/s, two blanks, remaining
constexpr int kRightWidth = 6 + 1 + 6 + 2 + 6 + 2 + 2 + 6;
constexpr int kSmallestBar = 4;  // a bar that would be smaller is left out

std::string right_aligned(const std::string& text, int width) {
  return std::string(static_cast<size_t>(std::max(0, width - display_width(text))), ' ') + text;
}

}  // namespace

Percentage split_percentage(std::string_view message) {
  if (!message.ends_with('%')) return {message, -1};
  size_t begin = message.size() - 1;
  while (begin > 0 && message[begin - 1] >= '0' && message[begin - 1] <= '9') --begin;
  const std::string_view digits = message.substr(begin, message.size() - 1 - begin);
  int value = 0;
  if (digits.empty() || digits.size() > 3) return {message, -1};
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return {message.substr(0, begin), value};
}

std::string remaining_text(int64_t s) {
  if (s >= 100 * 3600) return "99h+";
  if (s >= 3600) return fmt::format("{}h{}m", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{}m{}s", s / 60, s % 60);
  return fmt::format("{}s", std::max<int64_t>(s, 0));
}

ProgressBar::ProgressBar(std::string message, int64_t done, int64_t total, double now)
    : message_(std::move(message)), done_(done), total_(total) {
  samples_.push_back({now, done});
}

void ProgressBar::set(int64_t done, int64_t total, double now) {
  done_ = done;
  total_ = total;
  // what was counted again from the start says nothing about the rate
  if (done < samples_.back().done) samples_.clear();
  if (samples_.empty() || now - samples_.back().when >= 1) samples_.push_back({now, done});
  if (samples_.size() > kSamples) samples_.pop_front();
  if (complete()) stopped_ = true;
}

int ProgressBar::percent() const {
  if (total_ <= 0) return stopped_ ? 100 : 0;
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  return static_cast<int>(100 * std::clamp(share, 0.0, 1.0));
}

double ProgressBar::rate() const {
  const double time = samples_.back().when - samples_.front().when;
  return time <= 0 ? 0 : static_cast<double>(samples_.back().done - samples_.front().done) / time;
}

std::string ProgressBar::right_part() const {
  const std::string total = right_aligned(bytes_text(total_), 6);
  std::string out;
  if (stopped_) {
    out = total;
  } else {
    out = right_aligned(bytes_text(done_), 6) + "/" + total;
    if (const double r = rate(); r > 0) {
      const double left = static_cast<double>(total_ - done_) / r;
      const int64_t seconds = left > 1e6 ? 1'000'000 : static_cast<int64_t>(left);
      out += "  " + right_aligned(bytes_text(static_cast<int64_t>(r)), 6) + "/s  " +
             right_aligned(remaining_text(seconds), 6);
    }
  }
  const int missing = kRightWidth - display_width(out);
  return out + std::string(static_cast<size_t>(std::max(0, missing)), ' ');
}

std::string ProgressBar::text(int columns) const {
  const std::string left = fmt::format("{} {:>3}%", message_, percent());
  const std::string right = total_ > 0 ? right_part() : "";
  const int bar = columns - display_width(left) - display_width(right) - kFrame;
  if (bar < kSmallestBar) {
    // Too narrow for everything: the numbers go first, then the end of the message.
    const int room = columns - 1 - display_width(left);
    if (room >= 0) return left;
    const std::string number = fmt::format(" {:>3}%", percent());
    return clipped(message_, std::max(0, columns - 1 - display_width(number))) + number;
  }
  const int full = bar * percent() / 100;
  std::string out = left + " ▕";
  for (int i = 0; i < bar; ++i) out += i < full ? "█" : " ";
  return out + "▏ " + right;
}

std::string ProgressBar::plain_text() const {
  if (total_ <= 0) return message_;
  return fmt::format("{} {}% ({}/{})", message_, percent(), bytes_text(done_), bytes_text(total_));
}

std::string spinner_text(const std::string& message, int frame, bool stopped, int columns) {
  constexpr const char* kFrames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  const Percentage parts = split_percentage(message);
  const auto fitted = [&](int width) {
    if (parts.value < 0 || display_width(message) <= width) return clipped(message, width);
    const std::string number = fmt::format(" {}%", parts.value);
    return clipped(clipped(parts.text, width - static_cast<int>(number.size())) + number, width);
  };
  if (stopped) return fitted(columns - 1);
  return fitted(columns - 4) + (message.empty() ? "" : " ") +
         kFrames[static_cast<size_t>(frame) % std::size(kFrames)] + " ";
}

}  // namespace engine::cli
