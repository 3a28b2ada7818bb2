// Guarded: memory between two pages that may not be touched, so that a read
// or write outside of a tensor ends the test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace engine::test {

class Guarded {
 public:
  Guarded() = default;
  // The last byte lies before a page without access when bytes is a multiple of align, else up to
  // align - 1 bytes before it. Filled with 0xff: NaN as float and as half, -1 as a number.
  explicit Guarded(size_t bytes, size_t align = 1) : bytes_(bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t padded = (bytes + align - 1) / align * align;
    mapped_ = (padded + page - 1) / page * page + 2 * page;
    void* p = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    map_ = static_cast<std::byte*>(p);
    if (mprotect(map_ + page, mapped_ - 2 * page, PROT_READ | PROT_WRITE) != 0) std::abort();
    data_ = map_ + mapped_ - page - padded;
    std::memset(map_ + page, 0xff, mapped_ - 2 * page);
  }
  Guarded(Guarded&& o) noexcept { swap(o); }
  Guarded& operator=(Guarded&& o) noexcept {
    swap(o);
    return *this;
  }
  ~Guarded() {
    if (map_ != nullptr) munmap(map_, mapped_);
  }

  std::byte* data() const { return data_; }
  size_t size() const { return bytes_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  void swap(Guarded& o) noexcept {
    std::swap(map_, o.map_);
    std::swap(data_, o.data_);
    std::swap(bytes_, o.bytes_);
    std::swap(mapped_, o.mapped_);
  }

  std::byte *map_ = nullptr, *data_ = nullptr;
  size_t bytes_ = 0, mapped_ = 0;
};

}  // namespace engine::test
