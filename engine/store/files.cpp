// Temporary files, renames and syncs.
#include "engine/store/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "engine/core/bytes_text.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

std::string parent_of(const std::string& path) {
  return fs::path(path).parent_path().string();
}

// One attempt: the folder of the target may be removed by another process, as empty, between being
// made and being used.
Status write_once(const std::string& temp_folder, const std::string& prefix,
                  const std::string& path, std::string_view bytes) {
  ENGINE_TRY_STATUS(make_folder(parent_of(path)));
  ENGINE_TRY(temp, TempFile::create(temp_folder, prefix));
  ENGINE_TRY_STATUS(write_all(temp->fd(), std::as_bytes(std::span(bytes)), temp->path()));
  return temp->finish(path);
}

bool same_device(const std::string& a, const std::string& b) {
  struct stat x, y;
  return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd >= 0) ::close(fd);
}

Error io_error(std::string_view what, const std::string& path) {
  const int code = errno;
  const Errc kind = code == ENOENT ? Errc::not_found : Errc::io;
  return {kind, fmt::format("{} {}: {}", what, path, std::strerror(code))};
}

Status write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot write", path);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return ok;
}

void sync_folder(const std::string& folder) {
  const Descriptor d(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (d.fd >= 0) (void)::fsync(d.fd);
}

Status make_folder(const std::string& folder) {
  std::vector<fs::path> missing;
  std::error_code ec;
  for (fs::path p = folder; !p.empty() && !fs::exists(p, ec); p = p.parent_path())
    missing.push_back(p);
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
    if (::mkdir(it->c_str(), 0755) != 0 && errno != EEXIST)
      return Error{Errc::io,
                   fmt::format("cannot create {}: {}: ensure path elements are traversable",
                               it->string(), std::strerror(errno))};
    sync_folder(it->parent_path().empty() ? "." : it->parent_path().string());
  }
  return ok;
}

std::vector<std::string> folder_entries(const std::string& folder, bool folders) {
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const bool wanted = folders ? it->is_directory(ignored) : it->is_regular_file(ignored);
    if (wanted && !name.empty() && name[0] != '.') out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::unique_ptr<TempFile>> TempFile::create(const std::string& folder,
                                                   const std::string& prefix) {
  ENGINE_TRY_STATUS(make_folder(folder));
  std::string path = folder + "/" + prefix + "XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return io_error("cannot create a temporary file in", folder);
  return std::unique_ptr<TempFile>(new TempFile(fd, std::move(path)));
}

TempFile::~TempFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status TempFile::finish(const std::string& target) {
  if (::fchmod(file_.fd, 0644) != 0 || ::fdatasync(file_.fd) != 0)
    return io_error("cannot write", path_);
  if (::rename(path_.c_str(), target.c_str()) != 0) return io_error("cannot rename to", target);
  path_.clear();
  sync_folder(parent_of(target));
  return ok;
}

Status write_file_atomically(const std::string& temp_folder, const std::string& path,
                             std::string_view bytes) {
  ENGINE_TRY_STATUS(make_folder(temp_folder));
  ENGINE_TRY_STATUS(make_folder(parent_of(path)));
  const bool together = same_device(temp_folder, parent_of(path));
  const std::string folder = together ? temp_folder : parent_of(parent_of(path));
  const std::string prefix = together ? "engine-manifest-" : ".engine-manifest-";
  Status status = ok;
  for (int attempt = 0; attempt < 8; ++attempt) {
    status = write_once(folder, prefix, path, bytes);
    if (status || status.error().code != Errc::not_found) break;
  }
  return status;
}

Result<std::string> read_file(const std::string& path, size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return io_error("cannot open", path);
  std::string text;
  std::vector<char> buffer(64 << 10);
  while (true) {
    const ssize_t n = ::read(file.fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot read", path);
    if (n == 0) return text;
    if (static_cast<size_t>(n) > max_bytes - text.size())
      return Error{Errc::corrupt, fmt::format("{} is larger than {} bytes", path, max_bytes)};
    text.append(buffer.data(), static_cast<size_t>(n));
  }
}

Status check_space(const std::string& root, int64_t bytes) {
  std::error_code ec;
  fs::path there = fs::absolute(root, ec);
  while (there.has_relative_path() && !fs::exists(there, ec)) there = there.parent_path();
  struct statvfs v;
  // What cannot be asked is found out by writing.
  if (::statvfs(there.c_str(), &v) != 0) return ok;
  const auto free = static_cast<double>(v.f_bavail) * static_cast<double>(v.f_frsize);
  if (static_cast<double>(bytes) <= free) return ok;
  return Error{Errc::io, fmt::format("not enough disk space in {}: need {}, have {}", root,
                                     bytes_text(bytes), bytes_text(static_cast<int64_t>(free)))};
}

}  // namespace engine
