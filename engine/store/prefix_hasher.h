// Hashes a file while it is being filled: follows the contiguous prefix behind the writers, so
// that a finished download needs no second pass over it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/core/result.h"

namespace engine {

class PrefixHasher {
 public:
  // fd is read by position and outlives the hasher. prefix: how many bytes from the start are
  // there; called on the hasher's thread, never shrinks.
  PrefixHasher(int fd, int64_t total, std::function<int64_t()> prefix);
  ~PrefixHasher();  // stops where it is

  int64_t hashed() const { return hashed_.load(std::memory_order_acquire); }
  // The sum has been made, or reading failed.
  bool finished() const { return finished_.load(std::memory_order_acquire); }
  // Requires: finished(). 64 hex digits.
  Result<std::string> hex() const { return result_; }

 private:
  void work(const std::stop_token& stop);

  const int fd_;
  const int64_t total_;
  const std::function<int64_t()> prefix_;
  std::atomic<int64_t> hashed_ = 0;
  std::atomic<bool> finished_ = false;
  Result<std::string> result_ = std::string();
  std::jthread thread_;
};

}  // namespace engine
