// The error texts are those that clients of the API already know.
#include "server/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/run/model_pool.h"

namespace engine {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  double ns;
};
constexpr Unit kUnits[] = {{"ns", 1},   {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3},
                           {"ms", 1e6}, {"s", 1e9},  {"m", 60e9}, {"h", 3600e9}};
constexpr double kMaxNs = 9.2233720368547e18;

bool numeral(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}

nanoseconds from_seconds(double seconds) {
  const double ns = seconds * 1e9;
  return ns < 0 || ns >= kMaxNs ? kKeepForever : nanoseconds(static_cast<int64_t>(ns));
}

}  // namespace

Result<nanoseconds> parse_duration(std::string_view text) {
  const auto invalid = [&] {
    return Error{Errc::invalid_argument, fmt::format("time: invalid duration \"{}\"", text)};
  };
  std::string_view s = text;
  bool negative = false;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) {
    negative = s[0] == '-';
    s.remove_prefix(1);
  }
  if (s == "0") return nanoseconds(0);
  if (s.empty()) return invalid();
  double total = 0;
  while (!s.empty()) {
    size_t n = 0;
    while (n < s.size() && numeral(s[n])) ++n;
    double value = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + n, value, std::chars_format::fixed);
    if (n == 0 || ec != std::errc() || end != s.data() + n) return invalid();
    s.remove_prefix(n);
    size_t u = 0;
    while (u < s.size() && !numeral(s[u])) ++u;
    const std::string_view name = s.substr(0, u);
    s.remove_prefix(u);
    if (name.empty())
      return Error{Errc::invalid_argument,
                   fmt::format("time: missing unit in duration \"{}\"", text)};
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits)
      if (candidate.name == name) unit = &candidate;
    if (!unit)
      return Error{Errc::invalid_argument,
                   fmt::format("time: unknown unit \"{}\" in duration \"{}\"", name, text)};
    total += value * unit->ns;
    if (!(total < kMaxNs)) return invalid();
  }
  return nanoseconds(static_cast<int64_t>(negative ? -total : total));
}

Result<std::optional<nanoseconds>> parse_keep_alive(const Json* value) {
  if (!value || value->is_null()) return std::optional<nanoseconds>();
  if (value->is_number()) return std::optional(from_seconds(value->get<double>()));
  if (!value->is_string()) {
    const char* type = value->is_boolean() ? "bool" : value->is_object() ? "object" : "array";
    return Error{Errc::invalid_argument, fmt::format("Unsupported type: '{}'", type)};
  }
  ENGINE_TRY(d, parse_duration(value->get_ref<const std::string&>()));
  return std::optional(d < nanoseconds::zero() ? kKeepForever : d);
}

std::optional<nanoseconds> parse_duration_or_seconds(std::string_view text) {
  if (auto d = parse_duration(text)) return *d < nanoseconds::zero() ? kKeepForever : *d;
  int64_t seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return from_seconds(static_cast<double>(seconds));
}

}  // namespace engine
