// A file that was replaced has another inode, one that was rewritten another time: either is read
// again.
#include "engine/store/manifest_cache.h"

#include <sys/stat.h>

#include "engine/core/sha256.h"

namespace engine {
namespace {

constexpr size_t kMaxManifestFile = (size_t{4} << 20) + 1;
constexpr size_t kMaxEntries = 4096;

Result<std::shared_ptr<const ManifestFile>> parse(const std::string& path, const struct stat& st) {
  ENGINE_TRY(text, read_file(path, kMaxManifestFile));
  ENGINE_TRY(manifest, parse_manifest(text));
  auto file = std::make_shared<ManifestFile>();
  file->manifest = std::move(manifest);
  file->digest = sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
  file->modified = st.st_mtim.tv_sec;
  file->modified_ns = st.st_mtim.tv_nsec;
  return std::shared_ptr<const ManifestFile>(std::move(file));
}

}  // namespace

Result<std::shared_ptr<const ManifestFile>> ManifestCache::read(const std::string& path) {
  struct stat st;
  const std::lock_guard lock(mutex_);
  if (::stat(path.c_str(), &st) != 0) {
    const Error error = io_error("cannot open", path);
    entries_.erase(path);
    return error;
  }
  Entry now{static_cast<int64_t>(st.st_ino),
            st.st_size,
            st.st_mtim.tv_sec,
            st.st_mtim.tv_nsec,
            st.st_ctim.tv_nsec,
            nullptr};
  const auto known = entries_.find(path);
  if (known != entries_.end()) {
    const Entry& e = known->second;
    if (e.inode == now.inode && e.size == now.size && e.modified == now.modified &&
        e.modified_ns == now.modified_ns && e.changed_ns == now.changed_ns)
      return e.file;
  }
  ENGINE_TRY(file, parse(path, st));
  now.file = std::move(file);
  if (entries_.size() >= kMaxEntries) entries_.clear();
  return entries_.insert_or_assign(path, now).first->second.file;
}

Result<std::shared_ptr<const ManifestFile>> ManifestCache::with_config(const std::string& path,
                                                                       const BlobFolder& blobs,
                                                                       std::string& problem) {
  ENGINE_TRY(file, read(path));
  problem.clear();
  if (file->config || file->manifest.config.digest.empty()) return file;
  auto text = blobs.read_text(file->manifest.config.digest);
  auto config = text ? parse_config(*text) : Result<ModelConfig>(text.error());
  if (!config) {
    problem = config.error().message;
    return file;
  }
  auto complete = std::make_shared<ManifestFile>(*file);
  complete->config = std::move(*config);
  const std::lock_guard lock(mutex_);
  if (const auto it = entries_.find(path); it != entries_.end() && it->second.file == file)
    it->second.file = complete;
  return std::shared_ptr<const ManifestFile>(std::move(complete));
}

}  // namespace engine
