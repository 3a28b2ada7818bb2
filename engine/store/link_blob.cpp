// Three ways to a blob, the cheapest first.
#include "engine/store/link_blob.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "engine/store/files.h"
#include "engine/store/name.h"
#include "engine/store/store_lock.h"

namespace engine {
namespace {

// Reads to the end what is about to become a blob.
Status verify(const std::string& path, std::string_view digest, const Watch& watch) {
  ENGINE_TRY(source, source_of_file(path));
  ENGINE_TRY(found, digest_of(watched(std::move(source), watch)));
  return found == digest ? Status(ok) : digest_mismatch(digest, found);
}

// false: not possible with this file, or not on this file system. As a reflink.
Result<bool> share_blocks(const BlobFolder& blobs, const std::string& digest,
                          const std::string& file, const Watch& watch) {
  const Descriptor source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (source.fd < 0) return false;
  ENGINE_TRY(temp, TempFile::create(blobs.folder(), "sha256-"));
  if (::ioctl(temp->fd(), FICLONE, source.fd) != 0) return false;
  ENGINE_TRY_STATUS(verify(temp->path(), digest, watch));
  ENGINE_TRY_STATUS(temp->finish(blobs.path(digest)));
  return true;
}

// Another name of a file, taken away again unless it was renamed.
struct SecondName {
  std::string path;
  ~SecondName() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

// Whether it is ours, and all may read it and nobody write it: the server may be somebody else.
bool is_fixed(int fd) {
  struct stat st;
  constexpr mode_t kWriters = 0222, kReaders = 0444;
  return ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == ::geteuid() &&
         (st.st_mode & kWriters) == 0 && (st.st_mode & kReaders) == kReaders;
}

// As share_blocks.
Result<bool> link_hard(const BlobFolder& blobs, const std::string& digest, const std::string& file,
                       const Watch& watch) {
  // Links do not replace files; a name beside one that is ours alone is free.
  ENGINE_TRY(place, TempFile::create(blobs.folder(), "sha256-"));
  const std::string name = place->path() + "-link", target = blobs.path(digest);
  if (::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return false;
  const SecondName second{name};
  const Descriptor linked(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  // The time is that of the file: as an old one it would be garbage until a manifest names it.
  if (linked.fd < 0 || !is_fixed(linked.fd) || ::futimens(linked.fd, nullptr) != 0) return false;
  ENGINE_TRY_STATUS(verify(name, digest, watch));
  if (::fdatasync(linked.fd) != 0) return io_error("cannot sync", name);
  // Two names of one file are left alone by a rename: then the blob is there, and the other one goes.
  if (::rename(name.c_str(), target.c_str()) != 0) return io_error("cannot rename to", target);
  sync_folder(blobs.folder());
  return true;
}

}  // namespace

Result<BlobOrigin> link_blob(const BlobFolder& blobs, std::string_view given,
                             const std::string& file, const Watch& watch) {
  if (!valid_digest(given)) return Error{Errc::invalid_argument, "invalid digest format"};
  const std::string digest = plain_digest(given);
  const StoreLock lock(std::filesystem::path(blobs.folder()).parent_path().string(),
                       StoreLock::shared);
  if (blobs.has(digest)) {
    blobs.touch(digest);
    return BlobOrigin::existed;
  }
  ENGINE_TRY(shared, share_blocks(blobs, digest, file, watch));
  if (shared) return BlobOrigin::shared_blocks;
  ENGINE_TRY(linked, link_hard(blobs, digest, file, watch));
  if (linked) return BlobOrigin::hard_link;
  ENGINE_TRY(source, source_of_file(file));
  std::error_code ec;
  const auto size = std::filesystem::file_size(file, ec);
  ENGINE_TRY_STATUS(blobs.put(digest, watched(std::move(source), watch),
                              ec ? int64_t{-1} : static_cast<int64_t>(size)));
  return BlobOrigin::copy;
}

}  // namespace engine
