// Reading, counting, summing up.
#include "engine/store/part_body.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace engine {

PartBody::PartBody(int fd, const std::string& digest, const Part& part, std::atomic<int64_t>& total)
    : fd_(fd), digest_(digest), part_(part), total_(total) {}

HttpCall PartBody::request(std::string method, std::string url, std::function<void()> moved) {
  total_ -= std::exchange(sent_, 0);
  HttpCall call;
  call.method = std::move(method);
  call.url = std::move(url);
  call.headers = {"Content-Type: application/octet-stream"};
  call.body_bytes = part_.size;
  call.reader = [this, moved = std::move(moved)](int64_t at, std::span<std::byte> out) {
    auto n = read(at, out);
    if (n && moved) moved();
    return n;
  };
  return call;
}

Result<size_t> PartBody::read(int64_t at, std::span<std::byte> out) {
  ssize_t n;
  do {
    n = ::pread(fd_, out.data(), out.size(), part_.offset + at);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    return Error{Errc::corrupt, fmt::format("cannot read blob {}: {}", digest_,
                                            n < 0 ? std::strerror(errno) : "it is too short")};
  }
  if (at == 0) md5_.emplace();
  md5_->update(out.first(static_cast<size_t>(n)));
  total_ += at + n - sent_;
  sent_ = at + n;
  return static_cast<size_t>(n);
}

std::string PartBody::md5() {
  ENGINE_CHECK(whole() && md5_, "asked for the sum of a part that was not sent");
  return md5_->bytes();
}

}  // namespace engine
