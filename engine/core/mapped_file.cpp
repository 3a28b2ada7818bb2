#include "engine/core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace engine {

MappedFile& MappedFile::operator=(MappedFile&& o) noexcept {
  std::swap(data_, o.data_);
  std::swap(size_, o.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

namespace {

// Fills [data, size) from the start of the file.
// false: errno tells why, or 0 for a file that shrank.
bool read_all(int fd, std::byte* data, size_t size) {
  errno = 0;
  for (size_t at = 0; at < size;) {
    const ssize_t n =
        pread(fd, data + at, std::min(size - at, size_t{1} << 30), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path, bool map) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Error{errno == ENOENT ? Errc::not_found : Errc::io,
                 fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  struct stat st;
  const bool got = fstat(fd, &st) == 0;
  if (!got || !S_ISREG(st.st_mode)) {
    close(fd);
    return Error{Errc::invalid_argument, fmt::format("{} is not a regular file", path)};
  }
  MappedFile out;
  if (st.st_size > 0) {
    const size_t size = static_cast<size_t>(st.st_size);
    void* p = map ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0)
                  : mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) {
      out.data_ = static_cast<const std::byte*>(p);
      out.size_ = size;
    }
    if (p == MAP_FAILED || (!map && !read_all(fd, static_cast<std::byte*>(p), size))) {
      const int why = errno;
      close(fd);
      return Error{Errc::io,
                   fmt::format("cannot {} {}: {}", map ? "map" : "read", path,
                               why != 0 ? std::strerror(why) : "the file became shorter")};
    }
    if (!map) mprotect(p, size, PROT_READ);
  }
  close(fd);
  return out;
}

void MappedFile::drop(size_t offset, size_t n) const {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page, end = (offset + n) / page * page;
  if (begin < end) madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace engine
