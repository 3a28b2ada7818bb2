// The two kinds of lines that show progress, as text: nothing here knows a terminal or a clock.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace engine::cli {

struct Percentage {
  std::string_view text;  // what stands before it
  int value = -1;         // -1: there is none
};
// Of a message that ends with one. text points into it.
Percentage split_percentage(std::string_view message);

// "22s", "1m3s", "1h5m", "99h+".
std::string remaining_text(int64_t seconds);

// "pulling aabd4debf0c8:  45% ▕████████            ▏ 503 MB/1.1 GB   52 MB/s     11s"
class ProgressBar {
 public:
  // total in bytes; 0 and less: unknown. now: seconds of any steady clock.
  ProgressBar(std::string message, int64_t done, int64_t total, double now);
  void set(int64_t done, int64_t total, double now);
  void stop() { stopped_ = true; }
  bool complete() const { return done_ >= total_; }

  int percent() const;
  // One line of at most columns - 1 columns, so that no terminal breaks it.
  std::string text(int columns) const;
  // For files and pipes: "pulling aabd4debf0c8: 40% (440 MB/1.1 GB)".
  std::string plain_text() const;

 private:
  double rate() const;  // bytes a second over the last samples; 0 when unknown
  std::string right_part() const;

  struct Sample {
    double when;
    int64_t done;
  };
  std::string message_;
  int64_t done_, total_;
  bool stopped_ = false;
  std::deque<Sample> samples_;  // one a second
};

// "pulling manifest ⠋ "; a stopped spinner is its message alone. Where it is too wide, what stands
// before a percentage is cut.
std::string spinner_text(const std::string& message, int frame, bool stopped, int columns);

}  // namespace engine::cli
