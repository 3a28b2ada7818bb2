#include "engine/core/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

namespace engine {

Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<Buffer> Buffer::allocate(size_t bytes, bool huge) {
  Buffer out;
  if (bytes == 0) return out;
  const size_t size = align_up(bytes, huge ? size_t{2} << 20 : size_t{4096});
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  if (p == MAP_FAILED)
    return Error{Errc::out_of_memory,
                 fmt::format("cannot allocate {:.1f} MiB", static_cast<double>(bytes) / 1048576.0)};
  if (huge) madvise(p, size, MADV_HUGEPAGE);
  out.data_ = static_cast<std::byte*>(p);
  out.size_ = size;
  return out;
}

}  // namespace engine
