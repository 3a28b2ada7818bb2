// Buffer: a move-only owner of zeroed, page-aligned memory that is touched on first use.
#pragma once

#include <cstddef>
#include <utility>

#include "engine/core/result.h"

namespace engine {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  Buffer& operator=(Buffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Buffer();

  // huge: ask for transparent huge pages (weights, which are streamed).
  // Errc::out_of_memory names the size.
  static Result<Buffer> allocate(size_t bytes, bool huge = false);

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

constexpr size_t align_up(size_t n, size_t to) {
  return (n + to - 1) / to * to;
}

}  // namespace engine
