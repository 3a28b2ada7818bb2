// Where the bytes of one blob lie: at the registry itself, or at a storage host that the registry
// redirects to with an address that is signed for some minutes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "engine/core/result.h"
#include "engine/store/registry_client.h"

namespace engine {

struct BlobSource {
  std::string url;
  bool foreign = false;    // not the registry: gets no Authorization
  bool no_ranges = false;  // gives the whole blob only
  uint64_t number = 0;     // of the resolution
};

// Thread-safe: the first to ask resolves, the others wait for it.
class BlobResolver {
 public:
  // url: of the blob at the registry.
  BlobResolver(std::shared_ptr<RegistryClient> client, std::string url);

  // The address that is known, or a new one. Failures that may pass are repeated for
  // RegistryLimits::resolve; errors of kind invalid_argument are final.
  Result<BlobSource> get(Transfer& transfer, const std::stop_token& cancel);
  // The address no longer works; the next get() resolves anew. false: that happened five times
  // within a minute already, so it is no matter of time.
  bool expire(const BlobSource& source);
  RegistryClient& client() { return *client_; }

 private:
  Result<BlobSource> resolve(Transfer& transfer, const std::stop_token& cancel);

  const std::shared_ptr<RegistryClient> client_;
  const std::string url_;
  std::mutex mutex_;
  BlobSource known_;  // url "": none
  uint64_t count_ = 0;
  std::deque<std::chrono::steady_clock::time_point> expired_;
};

}  // namespace engine
