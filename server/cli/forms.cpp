// Number forms, times, tables.
#include "server/cli/forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "server/cli/text_width.h"

namespace engine::cli {

std::string duration_words(int64_t s) {
  if (s < 1) return "Less than a second";
  if (s == 1) return "1 second";
  if (s < 60) return fmt::format("{} seconds", s);
  if (s < 120) return "About a minute";
  if (s < 3600) return fmt::format("{} minutes", s / 60);
  const int64_t hours = (s + 1800) / 3600;
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 336) return fmt::format("{} days", hours / 24);
  if (hours < 1440) return fmt::format("{} weeks", hours / 168);
  if (hours < 17520) return fmt::format("{} months", hours / 720);
  return fmt::format("{} years", s / 3600 / 24 / 365);
}

std::string ago_text(int64_t seconds, int64_t now, const std::string& zero) {
  if (seconds <= 0) return zero;
  constexpr int64_t kForever = int64_t{21} * 365 * 24 * 3600;
  if (seconds - now >= kForever) return "Forever";
  return seconds > now ? duration_words(seconds - now) + " from now"
                       : duration_words(now - seconds) + " ago";
}

std::string processor_text(int64_t size, int64_t vram) {
  if (vram == 0) return "100% CPU";
  if (vram == size) return "100% GPU";
  if (vram > size || size == 0) return "Unknown";
  const int64_t cpu = (200 * (size - vram) + size) / (2 * size);
  return fmt::format("{}%/{}% CPU/GPU", cpu, 100 - cpu);
}

std::string go_duration(int64_t ns) {
  if (ns == 0) return "0s";
  // Not more than `digits` decimals, without trailing zeros.
  const auto trimmed = [](int64_t whole, int64_t fraction, int digits) {
    std::string s = fmt::format("{}.{:0{}}", whole, fraction, digits);
    s.erase(s.find_last_not_of('0') + 1);
    if (s.back() == '.') s.pop_back();
    return s;
  };
  if (ns < 1000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return trimmed(ns / 1000, ns % 1000, 3) + "µs";
  if (ns < 1'000'000'000) return trimmed(ns / 1'000'000, ns % 1'000'000, 6) + "ms";
  const int64_t seconds = ns / 1'000'000'000;
  std::string out;
  if (seconds >= 3600) out += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) out += fmt::format("{}m", seconds / 60 % 60);
  return out + trimmed(seconds % 60, ns % 1'000'000'000, 9) + "s";
}

int64_t parse_time(const std::string& text) {
  std::tm tm = {};
  int offset_hours = 0, offset_minutes = 0;
  char sign = 'Z';
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                  &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
    return 0;
  const size_t zone = text.find_first_of("Z+-", 19);
  if (zone != std::string::npos) {
    sign = text[zone];
    if (sign != 'Z' &&
        std::sscanf(text.c_str() + zone + 1, "%2d:%2d", &offset_hours, &offset_minutes) != 2)
      return 0;
  }
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  const int64_t offset = offset_hours * 3600 + offset_minutes * 60;
  const int64_t t = static_cast<int64_t>(::timegm(&tm));
  return std::max<int64_t>(0, sign == '+' ? t - offset : sign == '-' ? t + offset : t);
}

std::string Table::text() const {
  std::vector<size_t> widths;
  const auto measure = [&widths](const std::vector<std::string>& cells) {
    if (widths.size() < cells.size()) widths.resize(cells.size());
    for (size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], static_cast<size_t>(display_width(cells[i])));
  };
  measure(header_);
  for (const auto& row : rows_) measure(row);
  const auto padded = [&widths](const std::vector<std::string>& cells, const char* last) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += cells[i] + std::string(widths[i] - static_cast<size_t>(display_width(cells[i])), ' ');
      line += i + 1 < cells.size() ? "    " : last;
    }
    return line + "\n";
  };
  std::string out;
  if (!header_.empty()) out += padded(header_, " ");
  for (const auto& row : rows_) out += padded(row, "    ");
  return out;
}

std::string counted(int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

int display_width(const std::string& text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) width += next_rune(text, at).width;
  return width;
}

}  // namespace engine::cli
