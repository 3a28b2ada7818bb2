// How often a request of an upload is repeated, and after what time.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>

#include "engine/core/result.h"
#include "engine/store/registry_client.h"

namespace engine {

// "http status <n>: <body>", or what there is instead of an answer. Of 200 to 299: that the server
// did not wait for what it was to be sent.
Error failure_of(const Result<HttpAnswer>& answer);

// RegistryLimits::tries of one request, with 1, 2, 4, ... seconds between them.
class Tries {
 public:
  Tries(const RegistryLimits& limits, std::stop_token cancel)
      : limits_(limits), cancel_(std::move(cancel)) {}

  // After a try that failed: waits for the next one. wait: as long as the server asks for. Errors:
  // `why` when it is no failure of the network or of the server; "max retries exceeded: <why>";
  // cancelled.
  Status again(const Error& why, std::optional<std::chrono::milliseconds> wait = std::nullopt);

 private:
  const RegistryLimits& limits_;
  const std::stop_token cancel_;
  int made_ = 0;
};

}  // namespace engine
