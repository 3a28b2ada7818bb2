// Common ends of the sequence with its own beginnings, all at once by the Z algorithm.
#include "engine/sample/dry.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace engine {
namespace {

constexpr float kLargestExponent = 88.7228391f;  // of e, in float

// out[k]: how far s agrees with s[k ..].
std::vector<size_t> agreements(std::span<const Token> s) {
  std::vector<size_t> z(s.size(), 0);
  // [from, to): the agreement found so far that reaches farthest
  for (size_t k = 1, from = 0, to = 0; k < s.size(); ++k) {
    size_t n = k < to ? std::min(z[k - from], to - k) : 0;
    while (k + n < s.size() && s[n] == s[k + n]) ++n;
    z[k] = n;
    if (k + n > to) from = k, to = k + n;
  }
  return z;
}

}  // namespace

Dry::Dry(DryParams params) : params_(std::move(params)) {
  std::stable_sort(params_.breakers.begin(), params_.breakers.end(),
                   [](const DryBreaker& a, const DryBreaker& b) { return a.head < b.head; });
}

void Dry::accept(Token token) {
  if (!on()) return;
  newest_first_.push_front(token);
  if (newest_first_.size() > static_cast<size_t>(params_.last_n)) newest_first_.pop_back();
}

std::span<const DryBreaker> Dry::breakers_of(Token head) const {
  const auto [first, last] =
      std::equal_range(params_.breakers.begin(), params_.breakers.end(), DryBreaker{head, {}},
                       [](const DryBreaker& a, const DryBreaker& b) { return a.head < b.head; });
  return {first, last};
}

// Tokens behind the last breaker and all its tail.
size_t Dry::since_breaker(std::span<const Token> newest_first) const {
  for (size_t i = 0; i < newest_first.size(); ++i) {
    bool found = false;
    size_t tail = 0;
    for (const DryBreaker& b : breakers_of(newest_first[i])) {
      // What follows the head stands in front of it here, the nearest last.
      const std::span<const Token> after = newest_first.first(i);
      if (b.tail.size() > i || !std::equal(b.tail.begin(), b.tail.end(), after.rbegin())) continue;
      found = true;
      tail = std::max(tail, b.tail.size());
    }
    if (found) return i - tail;
  }
  return newest_first.size();
}

Dry::Penalties Dry::penalties(std::span<const Token> ahead) const {
  if (!on()) return {};
  std::vector<Token> r(ahead.rbegin(), ahead.rend());
  r.insert(r.end(), newest_first_.begin(), newest_first_.end());
  r.resize(std::min(r.size(), static_cast<size_t>(params_.last_n)));
  const auto allowed = static_cast<size_t>(std::max(params_.allowed_length, 0));
  if (r.size() <= allowed) return {};
  const size_t limit = since_breaker(r);
  if (limit < allowed) return {};
  const std::vector<size_t> z = agreements(r);
  std::vector<std::pair<Token, size_t>> best;
  for (size_t k = 1; k < r.size(); ++k)
    if (const size_t n = std::min(z[k], limit); n >= allowed) best.emplace_back(r[k - 1], n);
  std::sort(best.begin(), best.end());
  const float cap =
      params_.base > 1.000001f ? std::floor(kLargestExponent / std::log(params_.base)) : INFINITY;
  Penalties out;
  for (size_t i = 0; i < best.size(); ++i) {
    const auto [token, length] = best[i];
    if (i + 1 < best.size() && best[i + 1].first == token) continue;  // a longer one follows
    const std::span<const DryBreaker> own = breakers_of(token);
    if (std::any_of(own.begin(), own.end(), [](const DryBreaker& b) { return b.tail.empty(); }))
      continue;
    const float over = std::min(static_cast<float>(length - allowed), cap);
    const float penalty = params_.multiplier * std::pow(params_.base, over);
    out.emplace_back(token, std::clamp(penalty, -FLT_MAX, FLT_MAX));
  }
  return out;
}

}  // namespace engine
