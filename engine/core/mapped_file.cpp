#include "engine/core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

Result<MappedFile> MappedFile::open(const std::string& path) {
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
    void* p = mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      close(fd);
      return Error{Errc::io, fmt::format("cannot map {}: {}", path, std::strerror(errno))};
    }
    out.data_ = static_cast<const std::byte*>(p);
    out.size_ = static_cast<size_t>(st.st_size);
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
