// Blobs: temporary file, hash, sync, rename.
#include "engine/store/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/core/sha256.h"
#include "engine/store/digest.h"
#include "engine/store/name.h"

namespace engine {
namespace {

constexpr size_t kChunk = size_t{1} << 20;

}  // namespace

ByteSource source_of(std::string_view text) {
  return [text](std::span<std::byte> out) mutable -> Result<size_t> {
    const size_t n = std::min(out.size(), text.size());
    if (n > 0) std::memcpy(out.data(), text.data(), n);
    text.remove_prefix(n);
    return n;
  };
}

Result<ByteSource> source_of_file(const std::string& path) {
  const auto file = std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file->fd < 0) return io_error("cannot open", path);
  return ByteSource([file, path](std::span<std::byte> out) -> Result<size_t> {
    while (true) {
      const ssize_t n = ::read(file->fd, out.data(), out.size());
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) return io_error("cannot read", path);
    }
  });
}

std::string BlobFolder::path(std::string_view digest) const {
  ENGINE_CHECK(valid_digest(digest), "the caller checks digests");
  return folder_ + "/sha256-" + plain_digest(digest).substr(7);
}

bool BlobFolder::has(std::string_view digest) const {
  struct stat st;
  return valid_digest(digest) && ::stat(path(digest).c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

Result<int64_t> BlobFolder::size(std::string_view digest) const {
  if (!valid_digest(digest)) return Error{Errc::invalid_argument, "invalid digest format"};
  struct stat st;
  if (::stat(path(digest).c_str(), &st) != 0 || !S_ISREG(st.st_mode))
    return Error{Errc::not_found, fmt::format("blob \"{}\" not found", digest)};
  return static_cast<int64_t>(st.st_size);
}

void BlobFolder::touch(std::string_view digest) const {
  (void)::utimensat(AT_FDCWD, path(digest).c_str(), nullptr, 0);
}

Result<BlobInfo> BlobFolder::put(std::string_view digest, const ByteSource& source,
                                 int64_t size) const {
  if (!digest.empty() && !valid_digest(digest))
    return Error{Errc::invalid_argument, "invalid digest format"};
  if (size > 0) ENGINE_TRY_STATUS(check_space(folder_, size));
  ENGINE_TRY(temp, TempFile::create(folder_, "sha256-"));
  Sha256 sum;
  BlobInfo info;
  std::vector<std::byte> buffer(kChunk);
  while (true) {
    ENGINE_TRY(n, source(buffer));
    if (n == 0) break;
    const std::span<const std::byte> bytes(buffer.data(), n);
    sum.update(bytes);
    ENGINE_TRY_STATUS(write_all(temp->fd(), bytes, temp->path()));
    info.size += static_cast<int64_t>(n);
  }
  info.digest = "sha256:" + sum.hex();
  if (!digest.empty() && info.digest != plain_digest(digest))
    return digest_mismatch(plain_digest(digest), info.digest);
  info.existed = has(info.digest);
  if (info.existed) {
    touch(info.digest);
    return info;
  }
  ENGINE_TRY_STATUS(temp->finish(path(info.digest)));
  return info;
}

Result<BlobInfo> BlobFolder::adopt(const std::string& file) const {
  ENGINE_TRY(source, source_of_file(file));
  BlobInfo info;
  const auto count = [&info](int64_t n) -> Status {
    info.size = n;
    return ok;
  };
  ENGINE_TRY(digest, digest_of(watched(std::move(source), count)));
  info.digest = digest;
  info.existed = has(info.digest);
  if (info.existed) {
    touch(info.digest);
    ::unlink(file.c_str());
    return info;
  }
  const Descriptor d(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  const std::string target = path(info.digest);
  if (d.fd < 0 || ::fchmod(d.fd, 0644) != 0 || ::fdatasync(d.fd) != 0)
    return io_error("cannot write", file);
  if (::rename(file.c_str(), target.c_str()) != 0) return io_error("cannot rename to", target);
  sync_folder(folder_);
  return info;
}

Result<std::string> BlobFolder::read_text(std::string_view digest, size_t max_bytes) const {
  if (!valid_digest(digest)) return Error{Errc::invalid_argument, "invalid digest format"};
  return read_file(path(digest), max_bytes);
}

Status BlobFolder::remove(std::string_view digest) const {
  const std::string file = path(digest);
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return io_error("cannot remove", file);
  return ok;
}

}  // namespace engine
