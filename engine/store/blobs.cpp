// Blobs: temporary file, hash, sync, rename.
#include "engine/store/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "engine/core/sha256.h"
#include "engine/store/name.h"

namespace engine {
namespace {

constexpr size_t kChunk = size_t{1} << 20;

Error io_error(std::string_view what, const std::string& path) {
  const int code = errno;
  const Errc kind = code == ENOENT ? Errc::not_found : Errc::io;
  return {kind, fmt::format("{} {}: {}", what, path, std::strerror(code))};
}

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int f) : fd(f) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Status write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot write", path);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return ok;
}

// Syncs the entry itself, so that a rename survives a power cut.
// Failure is harmless: some file systems refuse it.
void sync_folder(const std::string& folder) {
  const Descriptor d(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (d.fd >= 0) (void)::fsync(d.fd);
}

Status make_folder(const std::string& folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec)
    return Error{Errc::io, fmt::format("cannot create {}: {}: ensure path elements are traversable",
                                       folder, ec.message())};
  return ok;
}

// A temporary file that is removed again unless it was renamed.
class TempFile {
 public:
  static Result<std::unique_ptr<TempFile>> create(const std::string& folder, const char* prefix) {
    ENGINE_TRY_STATUS(make_folder(folder));
    std::string path = folder + "/" + prefix + "XXXXXX";
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return io_error("cannot create a temporary file in", folder);
    return std::unique_ptr<TempFile>(new TempFile(fd, std::move(path)));
  }
  ~TempFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  int fd() const { return file_.fd; }
  const std::string& path() const { return path_; }
  Status finish(const std::string& target) {
    if (::fchmod(file_.fd, 0644) != 0 || ::fdatasync(file_.fd) != 0)
      return io_error("cannot write", path_);
    if (::rename(path_.c_str(), target.c_str()) != 0) return io_error("cannot rename to", target);
    path_.clear();
    sync_folder(std::filesystem::path(target).parent_path().string());
    return ok;
  }

 private:
  TempFile(int fd, std::string path) : file_(fd), path_(std::move(path)) {}
  Descriptor file_;
  std::string path_;
};

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
  std::string name(digest);
  name[6] = '-';
  return folder_ + "/" + name;
}

bool BlobFolder::has(std::string_view digest) const {
  struct stat st;
  return valid_digest(digest) && ::stat(path(digest).c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

void BlobFolder::touch(std::string_view digest) const {
  (void)::utimensat(AT_FDCWD, path(digest).c_str(), nullptr, 0);
}

Result<BlobInfo> BlobFolder::put(std::string_view digest, const ByteSource& source) const {
  if (!digest.empty() && !valid_digest(digest))
    return Error{Errc::invalid_argument, "invalid digest format"};
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
  if (!digest.empty() && !equal_ignoring_case(info.digest.substr(7), digest.substr(7))) {
    return Error{Errc::corrupt,
                 fmt::format("digest mismatch: want {}, got {}", digest, info.digest)};
  }
  info.existed = has(info.digest);
  if (info.existed) {
    touch(info.digest);
    return info;
  }
  ENGINE_TRY_STATUS(temp->finish(path(info.digest)));
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

Status write_file_atomically(const std::string& temp_folder, const std::string& path,
                             std::string_view bytes) {
  ENGINE_TRY_STATUS(make_folder(std::filesystem::path(path).parent_path().string()));
  ENGINE_TRY(temp, TempFile::create(temp_folder, "engine-manifest-"));
  ENGINE_TRY_STATUS(write_all(temp->fd(), std::as_bytes(std::span(bytes)), temp->path()));
  return temp->finish(path);
}

Result<std::string> read_file(const std::string& path, size_t max_bytes) {
  ENGINE_TRY(source, source_of_file(path));
  std::string text;
  std::vector<std::byte> buffer(64 << 10);
  while (true) {
    ENGINE_TRY(n, source(buffer));
    if (n == 0) return text;
    if (n > max_bytes - text.size())
      return Error{Errc::corrupt, fmt::format("{} is larger than {} bytes", path, max_bytes)};
    text.append(reinterpret_cast<const char*>(buffer.data()), n);
  }
}

}  // namespace engine
