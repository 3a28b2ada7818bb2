// One HTTP request and its answer, by libcurl: the only file of the store that speaks to the
// network. Redirects, tokens and repetitions are the business of the callers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/result.h"

namespace engine {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // empty when a sink took it

  // "" when absent; names are compared without regard to case; the last one wins.
  std::string_view header(std::string_view name) const;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  // A body of `body_bytes` that is read piece by piece instead: fills the span with the bytes from
  // `offset` on and returns how many. May be asked for the same bytes again.
  std::function<Result<size_t>(int64_t offset, std::span<std::byte>)> reader;
  int64_t body_bytes = 0;
  // Called once with status and headers, before the first byte of the body; an error ends the call
  // with it. Not called for 1xx.
  std::function<Status(const HttpAnswer&)> on_head;
  // Takes the body of a 2xx answer; without it the body is collected. An error ends the call.
  std::function<Status(std::span<const std::byte>)> sink;
  bool head_is_enough = false;  // the call ends well as soon as the headers are there
  size_t max_body =
      size_t{4} << 20;  // of a collected body: longer is an error below 400, cut above
  std::chrono::milliseconds stall{30000};  // no byte in either direction for so long: Errc::busy
  std::stop_token cancel;
};

// Connections are kept and used again. One thread at a time.
class Transfer {
 public:
  Transfer();
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Any status is an answer. Errors: cancelled ("request canceled"), busy (stalled), what a
  // callback returned, and io with the reason as `Get "<url>": <reason>`.
  Result<HttpAnswer> perform(const HttpCall& call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Waits; false: cancelled meanwhile.
bool wait_or_cancel(std::chrono::milliseconds time, const std::stop_token& cancel);
inline Error cancelled_error() {
  return {Errc::cancelled, "request canceled"};
}

}  // namespace engine
