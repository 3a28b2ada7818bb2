// A part of a blob as the body of a request: read from the file while it is sent, never held whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/core/result.h"
#include "engine/core/sha256.h"
#include "engine/store/part_files.h"
#include "engine/store/transfer.h"

namespace engine {

// One thread at a time; bodies of the same blob may be read by several.
class PartBody {
 public:
  // fd, digest and total outlive the body. total: bytes of the blob that are sent, of all parts
  // together; the body adds its own, and takes them back when it is to be sent again.
  PartBody(int fd, const std::string& digest, const Part& part, std::atomic<int64_t>& total);

  const Part& part() const { return part_; }
  // A call with this body. moved: called after each piece, on the thread that performs the call.
  HttpCall request(std::string method, std::string url, std::function<void()> moved = {});
  // The last call has read the part to its end.
  bool whole() const { return sent_ == part_.size; }
  // The raw MD5 of the part. Requires: whole(). Asked for once.
  std::string md5();

 private:
  Result<size_t> read(int64_t at, std::span<std::byte> out);

  const int fd_;
  const std::string& digest_;
  const Part part_;
  std::atomic<int64_t>& total_;
  int64_t sent_ = 0;
  std::optional<Md5> md5_;  // of what the last reading from the start gave
};

}  // namespace engine
