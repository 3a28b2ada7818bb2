// What pull and push report while they work; the words are those clients know.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace engine {

struct TransferStatus {
  std::string status;  // "pulling manifest", "pulling <12 hex>", ... "success"
  std::string digest = {};
  int64_t total = 0, completed = 0;  // bytes; 0: nothing to tell
};

inline constexpr auto kReportEvery = std::chrono::milliseconds(60);

using OnTransferStatus = std::function<void(const TransferStatus&)>;

// "sha256:aabd4debf0c8..." as the 12 digits that people see.
inline std::string short_digest(std::string_view digest) {
  return std::string(digest.substr(digest.size() > 7 ? 7 : 0, 12));
}

}  // namespace engine
