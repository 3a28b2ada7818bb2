// Follows redirects by hand, for the first foreign host is where the bytes come from.
#include "engine/store/blob_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kMaxHops = 10;
constexpr size_t kRenewalsPerMinute = 5;

}  // namespace

BlobResolver::BlobResolver(std::shared_ptr<RegistryClient> client, std::string url)
    : client_(std::move(client)), url_(std::move(url)) {}

Result<BlobSource> BlobResolver::get(Transfer& transfer, const std::stop_token& cancel) {
  const std::lock_guard lock(mutex_);
  if (!known_.url.empty()) return known_;
  const auto until = Clock::now() + client_->limits().resolve;
  std::minstd_rand random(static_cast<unsigned>(Clock::now().time_since_epoch().count()));
  for (int n = 1;; ++n) {
    auto source = resolve(transfer, cancel);
    if (source) {
      known_ = *source;
      known_.number = ++count_;
      return known_;
    }
    const Errc code = source.error().code;
    const bool passes = code == Errc::io || code == Errc::busy;
    if (!passes || Clock::now() >= until) return source;
    const double spread = std::uniform_real_distribution<double>(0.5, 1.5)(random);
    const double ms = std::min(n * n * 10.0, 10000.0) * spread;
    if (!wait_or_cancel(std::chrono::milliseconds(static_cast<int64_t>(ms)), cancel))
      return Error{Errc::cancelled, "request canceled"};
  }
}

Result<BlobSource> BlobResolver::resolve(Transfer& transfer, const std::stop_token& cancel) {
  ENGINE_TRY(first, parse_url(url_));
  Url at = first;
  for (int hop = 0; hop <= kMaxHops; ++hop) {
    HttpCall call;
    call.url = at.text();
    call.headers = {"Range: bytes=0-0"};
    call.head_is_enough = true;
    call.cancel = cancel;
    CallRules rules;
    rules.follows_redirects = false;
    rules.passes_errors = true;
    ENGINE_TRY(answer, client_->call(transfer, std::move(call), rules));
    const int status = answer.status;
    if (status == 200 || status == 206) return BlobSource{at.text(), false, status == 200, 0};
    if (status / 100 != 3 || answer.header("Location").empty()) {
      const bool passes = status >= 500 || status == 408 || status == 429;
      return Error{passes ? Errc::io : Errc::invalid_argument,
                   fmt::format("unexpected status code {}", status)};
    }
    ENGINE_TRY(next, resolve_url(at, answer.header("Location")));
    if (!same_server(at, next)) return BlobSource{next.text(), true, false, 0};
    at = next;
  }
  return Error{Errc::invalid_argument,
               fmt::format("maximum redirects exceeded ({}) for directURL", kMaxHops)};
}

bool BlobResolver::expire(const BlobSource& source) {
  const std::lock_guard lock(mutex_);
  if (known_.number != source.number) return true;  // somebody else has noticed
  const auto now = Clock::now();
  while (!expired_.empty() && now - expired_.front() > std::chrono::minutes(1))
    expired_.pop_front();
  if (expired_.size() >= kRenewalsPerMinute) return false;
  expired_.push_back(now);
  known_.url.clear();
  return true;
}

}  // namespace engine
