// Numbers, times and tables as the command line shows them.
// The forms are those clients and scripts already parse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes_text.h"

namespace engine::cli {

std::string duration_words(int64_t seconds);  // "About a minute", "3 hours"
// seconds: when, since 1970; now: the present.
// "2 days ago", "4 minutes from now", "Forever"; zero for the time 0.
std::string ago_text(int64_t seconds, int64_t now, const std::string& zero);
// Where a loaded model lies: "100% CPU", "48%/52% CPU/GPU". vram: its bytes on GPUs.
std::string processor_text(int64_t size, int64_t vram);
std::string go_duration(int64_t ns);  // "0s", "130.079ms", "1m2.5s", "1h0m3s"

// Seconds since 1970 of an RFC 3339 time; 0 when it is none.
int64_t parse_time(const std::string& text);

// "1 model", "2 models".
std::string counted(int64_t n, std::string_view noun);

// Columns padded to their widest cell, four blanks between them.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // indent: blanks in front of every row (tables without a header).
  std::string text() const;

 private:
  std::vector<std::string> header_;  // empty: none
  std::vector<std::vector<std::string>> rows_;
};

// Columns that the text takes on a terminal; invalid UTF-8 counts one column per byte.
int display_width(const std::string& text);

}  // namespace engine::cli
