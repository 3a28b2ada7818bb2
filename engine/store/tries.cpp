// Counting and waiting.
#include "engine/store/tries.h"

#include <fmt/format.h>

namespace engine {

Error failure_of(const Result<HttpAnswer>& answer) {
  if (!answer) return answer.error();
  if (answer->status / 100 == 2) {
    return {Errc::io, fmt::format("http status {} came before the body was sent", answer->status)};
  }
  return {Errc::io, fmt::format("http status {}: {}", answer->status, answer->body)};
}

Status Tries::again(const Error& why, std::optional<std::chrono::milliseconds> wait) {
  if (why.code != Errc::io && why.code != Errc::busy) return why;
  if (++made_ >= limits_.tries) return Error{why.code, "max retries exceeded: " + why.message};
  if (!wait_or_cancel(wait.value_or(limits_.second * (1 << (made_ - 1))), cancel_))
    return cancelled_error();
  return ok;
}

}  // namespace engine
