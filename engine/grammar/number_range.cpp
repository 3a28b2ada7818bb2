// A bound is followed digit by digit: while all digits so far are those of the bound, the next is
// bounded by its next digit; after the first other digit all are free.
#include "engine/grammar/number_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace engine::grammar {
namespace {

constexpr size_t kRangeDigits = 16;
constexpr int kRangeFraction = 16;
const std::string kNines(kRangeDigits, '9');

// A bound without its sign: digits before and behind the point, no useless zeros.
struct Decimal {
  std::string whole = "0", fraction;
  bool exclusive = false;
  bool operator==(const Decimal&) const = default;
};

Decimal decimal(double magnitude, bool exclusive) {
  Decimal d;
  const std::string text = fmt::format("{:.16f}", magnitude),
                    shortest = fmt::format("{}", magnitude);
  // The shortest form is the one that was written, unless it has an exponent.
  const std::string& s = shortest.find('e') == std::string::npos ? shortest : text;
  const size_t point = std::min(s.find('.'), s.size());
  d.whole = s.substr(0, point);
  if (point < s.size()) d.fraction = s.substr(point + 1);
  if (d.fraction.size() > static_cast<size_t>(kRangeFraction)) d.fraction.resize(kRangeFraction);
  while (!d.fraction.empty() && d.fraction.back() == '0') d.fraction.pop_back();
  d.exclusive = exclusive;
  return d;
}

bool less(const std::string& a, const std::string& b) {  // of whole numbers
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::string plus(const std::string& n, int64_t d) {
  return std::to_string(std::stoll(n) + d);
}

class Digits {
 public:
  explicit Digits(Grammar& g) : g_(g) {}

  // Whole numbers lo to hi, as digits. Requires: at most 16 digits each, lo <= hi.
  ExprId whole(const std::string& lo, const std::string& hi) {
    std::vector<ExprId> parts;
    for (size_t n = lo.size(); n <= hi.size(); ++n) {
      const std::string first = n == lo.size() ? lo : "1" + std::string(n - 1, '0');
      const std::string last = n == hi.size() ? hi : std::string(n, '9');
      parts.push_back(same_length(first, last));
    }
    return g_.choice(std::move(parts));
  }

  // What may stand behind the whole part: nothing, or a point and digits.
  // lo, hi: the digits of bounds with this whole part, or null. -1: nothing is possible.
  ExprId fraction(const Decimal* lo, const Decimal* hi) {
    lo_ = lo, hi_ = hi;
    const bool none = may_stop(lo != nullptr, hi != nullptr, 0);
    const ExprId digits = tail(lo != nullptr, hi != nullptr, 0, true);
    const ExprId some = digits < 0 ? -1 : g_.sequence({g_.literal("."), digits});
    if (some < 0) return none ? g_.empty() : -1;
    return none ? g_.optional(some) : some;
  }

 private:
  ExprId digit(char lo, char hi) {
    return g_.chars({{static_cast<uint32_t>(lo), static_cast<uint32_t>(hi)}});
  }
  ExprId any(size_t n) {
    return g_.repeat(digit('0', '9'), static_cast<int32_t>(n), static_cast<int32_t>(n));
  }

  ExprId same_length(const std::string& a, const std::string& b) {
    if (a.empty()) return g_.empty();
    const size_t rest = a.size() - 1;
    if (a == std::string(a.size(), '0') && b == std::string(a.size(), '9')) return any(a.size());
    if (a[0] == b[0])
      return g_.sequence({digit(a[0], a[0]), same_length(a.substr(1), b.substr(1))});
    std::vector<ExprId> parts = {
        g_.sequence({digit(a[0], a[0]), same_length(a.substr(1), std::string(rest, '9'))}),
        g_.sequence({digit(b[0], b[0]), same_length(std::string(rest, '0'), b.substr(1))})};
    if (b[0] - a[0] > 1)
      parts.push_back(g_.sequence(
          {digit(static_cast<char>(a[0] + 1), static_cast<char>(b[0] - 1)), any(rest)}));
    return g_.choice(std::move(parts));
  }

  // low, high: all digits so far are those of the bound. at: their number.
  bool may_stop(bool low, bool high, size_t at) const {
    if (low && (at < lo_->fraction.size() || lo_->exclusive)) return false;
    if (high && at >= hi_->fraction.size() && hi_->exclusive) return false;
    return true;
  }

  // The digits from here on. needed: at least one. -1: impossible.
  ExprId tail(bool low, bool high, size_t at, bool needed) {
    const int32_t left = kRangeFraction - static_cast<int32_t>(at);
    if (left <= 0) return !needed && may_stop(low, high, at) ? g_.empty() : -1;
    const bool past_low = low && at >= lo_->fraction.size();
    if (past_low && !lo_->exclusive) low = false;
    const bool past_high = high && at >= hi_->fraction.size();
    if (!low && !high) return g_.repeat(digit('0', '9'), needed ? 1 : 0, left);
    if (past_high) {  // only zeros are not above
      if (hi_->exclusive || (low && (lo_->exclusive || !past_low))) return -1;
      return g_.repeat(digit('0', '0'), needed ? 1 : 0, left);
    }
    if (low && past_low && !high)  // something above zero
      return g_.sequence({g_.repeat(digit('0', '0'), 0, left - 1), digit('1', '9'),
                          g_.repeat(digit('0', '9'), 0, left - 1)});
    const char from = low && !past_low ? lo_->fraction[at] : '0';
    const char to = high ? hi_->fraction[at] : '9';
    std::vector<ExprId> parts;
    const auto follow = [&](char d, bool l, bool h) {
      const ExprId rest = tail(l, h, at + 1, false);
      if (rest >= 0) parts.push_back(g_.sequence({digit(d, d), rest}));
    };
    if (from > to) return -1;
    if (low && high && from == to) {
      follow(from, true, true);
    } else {
      const auto first = static_cast<char>(low ? from + 1 : from);
      const auto last = static_cast<char>(high ? to - 1 : to);
      if (low) follow(from, true, false);
      if (high) follow(to, false, true);
      if (first <= last)
        parts.push_back(g_.sequence({digit(first, last), g_.repeat(digit('0', '9'), 0, left - 1)}));
    }
    if (parts.empty()) return !needed && may_stop(low, high, at) ? g_.empty() : -1;
    const ExprId some = g_.choice(std::move(parts));
    return !needed && may_stop(low, high, at) ? g_.optional(some) : some;
  }

  Grammar& g_;
  const Decimal *lo_ = nullptr, *hi_ = nullptr;
};

// Numbers without sign between two bounds; hi null: without end. -1: there is none.
ExprId magnitudes(Grammar& g, const Decimal& lo, const Decimal* hi, bool fractions) {
  Digits digits(g);
  if (hi && (less(hi->whole, lo.whole) || (hi->whole == lo.whole && hi->fraction < lo.fraction)))
    return -1;
  const std::string top = hi && less(hi->whole, kNines) ? hi->whole : kNines;
  if (less(kNines, lo.whole)) return -1;
  std::vector<ExprId> parts;
  const auto add = [&](const std::string& from, const std::string& to, const Decimal* l,
                       const Decimal* h) {
    if (less(to, from)) return;
    ExprId tail = -1;
    if (fractions) {
      tail = digits.fraction(l, h);
    } else {
      const bool low_ok = !l || (l->fraction.empty() && !l->exclusive);
      const bool high_ok = !h || !h->fraction.empty() || !h->exclusive;
      if (low_ok && high_ok) tail = g.empty();
    }
    if (tail >= 0) parts.push_back(g.sequence({digits.whole(from, to), tail}));
  };
  const bool high_at_top = hi && hi->whole == top;
  if (lo.whole == top) {
    add(top, top, &lo, high_at_top ? hi : nullptr);
  } else {
    add(lo.whole, lo.whole, &lo, nullptr);
    const std::string from = plus(lo.whole, 1);
    add(from, high_at_top ? plus(top, -1) : top, nullptr, nullptr);
    if (high_at_top) add(top, top, nullptr, hi);
  }
  return parts.empty() ? -1 : g.choice(std::move(parts));
}

Result<ExprId> range(Grammar& g, const Bound& low, const Bound& high, bool fractions) {
  std::vector<ExprId> parts;
  // Below zero, by magnitude: from the upper bound down to the lower one.
  const bool negatives = !low || low->value < 0;
  if (negatives) {
    Decimal from;
    if (high && high->value <= 0) from = decimal(std::abs(high->value), high->exclusive);
    Decimal to;
    if (low) to = decimal(std::abs(low->value), low->exclusive);
    const ExprId e = magnitudes(g, from, low ? &to : nullptr, fractions);
    if (e >= 0) parts.push_back(g.sequence({g.literal("-"), e}));
  }
  const bool positives = !high || high->value >= 0;
  if (positives) {
    Decimal from;
    if (low && low->value >= 0) from = decimal(std::abs(low->value), low->exclusive);
    Decimal to;
    if (high) to = decimal(std::abs(high->value), high->exclusive);
    const ExprId e = magnitudes(g, from, high ? &to : nullptr, fractions);
    if (e >= 0) parts.push_back(e);
  }
  if (parts.empty())
    return Error{Errc::invalid_argument, "no number of at most 16 digits is within the bounds"};
  return g.choice(std::move(parts));
}

}  // namespace

Result<ExprId> integer_range(Grammar& g, const Bound& low, const Bound& high) {
  return range(g, low, high, false);
}

Result<ExprId> number_range(Grammar& g, const Bound& low, const Bound& high) {
  return range(g, low, high, true);
}

}  // namespace engine::grammar
