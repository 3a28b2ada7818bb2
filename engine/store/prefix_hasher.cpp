// The thread looks every few milliseconds how far the file has come: no lock in the way of those
// who write.
#include "engine/store/prefix_hasher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "engine/core/sha256.h"

namespace engine {
namespace {

constexpr int64_t kPiece = 1 << 20;
constexpr auto kLook = std::chrono::milliseconds(2);

}  // namespace

PrefixHasher::PrefixHasher(int fd, int64_t total, std::function<int64_t()> prefix)
    : fd_(fd), total_(total), prefix_(std::move(prefix)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

PrefixHasher::~PrefixHasher() = default;

void PrefixHasher::work(const std::stop_token& stop) {
  Sha256 sum;
  std::vector<std::byte> buffer(kPiece);
  int64_t at = 0, there = 0;
  while (at < total_ && !stop.stop_requested()) {
    if (there <= at) there = prefix_();
    if (there <= at) {
      std::this_thread::sleep_for(kLook);
      continue;
    }
    const auto want = static_cast<size_t>(std::min(kPiece, there - at));
    const ssize_t n = ::pread(fd_, buffer.data(), want, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      result_ = Error{Errc::io, fmt::format("cannot read back what was downloaded: {}",
                                            n < 0 ? std::strerror(errno) : "the file is shorter")};
      finished_.store(true, std::memory_order_release);
      return;
    }
    sum.update(std::span<const std::byte>(buffer.data(), static_cast<size_t>(n)));
    at += n;
    hashed_.store(at, std::memory_order_release);
  }
  if (at < total_) return;
  result_ = sum.hex();
  finished_.store(true, std::memory_order_release);
}

}  // namespace engine
