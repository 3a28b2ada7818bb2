// Fractions are cut of their trailing zeros, as the clients' own libraries write them.
#include "server/timestamp.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace engine {
namespace {

std::string fraction(int64_t nanoseconds) {
  if (nanoseconds <= 0) return {};
  std::string digits = fmt::format(".{:09}", nanoseconds);
  while (digits.back() == '0') digits.pop_back();
  return digits;
}

}  // namespace

std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}{}Z",
                     fmt::gmtime(static_cast<time_t>(ns / 1'000'000'000)),
                     fraction(ns % 1'000'000'000));
}

std::string local_time(int64_t seconds, int64_t nanoseconds) {
  const time_t t = static_cast<time_t>(seconds);
  std::tm local{};
  if (!localtime_r(&t, &local)) return "0001-01-01T00:00:00Z";
  const long offset = local.tm_gmtoff;
  const std::string zone = offset == 0
                               ? "Z"
                               : fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+',
                                             std::abs(offset) / 3600, std::abs(offset) % 3600 / 60);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}{}{}", local, fraction(nanoseconds), zone);
}

}  // namespace engine
