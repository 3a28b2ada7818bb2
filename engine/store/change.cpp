// What changes a store: writing and copying manifests, removing models, and blobs that nobody uses.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/store/manifest_tree.h"
#include "engine/store/model_store.h"
#include "engine/store/scratch_folder.h"
#include "engine/store/store_lock.h"
#include "engine/store/young.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxManifestFile = (size_t{4} << 20) + 1;

void append_digests(const Manifest& manifest, std::set<std::string>& out) {
  if (!manifest.config.digest.empty()) out.insert(manifest.config.digest);
  for (const Layer& layer : manifest.layers) out.insert(layer.digest);
}

std::set<std::string> digests_of(const Manifest& manifest) {
  std::set<std::string> out;
  append_digests(manifest, out);
  return out;
}

bool pruning_is_off() {
  const std::string v = env(Env::OLLAMA_NOPRUNE);
  return !v.empty() && v != "0" && v != "f" && v != "F" && v != "false" && v != "FALSE" &&
         v != "False";
}

// Whether a download of this partial file goes on: whoever downloads holds a lock on it.
bool is_locked(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.fd >= 0 && ::flock(file.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

Status ModelStore::copy(const ModelName& from, const ModelName& to) const {
  const std::string source = path_of(spelling(from));
  const std::string target = path_of(spelling(to));
  const Error missing = {Errc::not_found, "model \"" + from.short_form() + "\" not found"};
  std::error_code ec;
  if (!fs::exists(source, ec)) return missing;
  // The blobs are those of the source until the copy names them, too.
  const StoreLock lock(root_, StoreLock::shared);
  const auto bytes = read_file(source, kMaxManifestFile);
  if (!bytes) return bytes.error().code == Errc::not_found ? missing : bytes.error();
  if (source == target) return ok;
  return write_file_atomically(blobs_.folder(), target, *bytes);
}

Status ModelStore::remove(const ModelName& asked) const {
  const ModelName name = spelling(asked);
  const std::string path = path_of(name);
  const auto file = cache_->read(path);
  if (!file && file.error().code == Errc::not_found)
    return Error{Errc::not_found, "model '" + asked.short_form() + "' not found"};
  if (::unlink(path.c_str()) != 0) return io_error("cannot remove", path);
  sync_folder(fs::path(path).parent_path().string());
  remove_empty_folders(root_);
  // A manifest that could not be read names nothing that could be removed.
  return file ? remove_unnamed(digests_of((*file)->manifest)) : Status(ok);
}

std::set<std::string> ModelStore::named() const {
  std::set<std::string> digests;
  for (const ModelName& name : scan_manifests(root_).names) {
    if (const auto file = cache_->read(path_of(name))) append_digests((*file)->manifest, digests);
  }
  return digests;
}

Status ModelStore::remove_unnamed(const std::set<std::string>& digests) const {
  const StoreLock lock(root_, StoreLock::exclusive, std::chrono::milliseconds(200));
  const std::set<std::string> used = named();
  for (const std::string& digest : digests) {
    // Whoever adds now may count on a blob that no manifest names yet; it has touched it.
    if (used.contains(digest) || (lock.busy() && is_young(blobs_.path(digest)))) continue;
    ENGINE_TRY_STATUS(blobs_.remove(digest));
  }
  sync_folder(blobs_.folder());
  return ok;
}

Result<Layer> ModelStore::put_layer(std::string_view media_type, std::string_view text) const {
  ENGINE_TRY(info, blobs_.put("", source_of(text), static_cast<int64_t>(text.size())));
  return Layer{std::string(media_type), info.digest, info.size, "", ""};
}

Result<Layer> ModelStore::layer_of_blob(std::string_view media_type,
                                        std::string_view digest) const {
  ENGINE_TRY(size, blobs_.size(digest));
  blobs_.touch(digest);
  return Layer{std::string(media_type), plain_digest(digest), size, "", ""};
}

Status ModelStore::write_bytes(const ModelName& asked, std::string_view bytes) const {
  ENGINE_TRY(manifest, parse_manifest(bytes));
  const ModelName name = spelling(asked);
  const StoreLock lock(root_, StoreLock::shared);
  for (const std::string& digest : digests_of(manifest)) {
    if (!blobs_.has(digest))
      return Error{Errc::corrupt,
                   fmt::format("model '{}' is not written: blob \"{}\" not found; try again",
                               name.short_form(), digest)};
  }
  return write_file_atomically(blobs_.folder(), path_of(name), bytes);
}

Status ModelStore::write(const ModelName& name, const Manifest& manifest) const {
  const std::optional<Manifest> old = this->manifest(name);
  ENGINE_TRY_STATUS(write_bytes(name, write_manifest(manifest)));
  return old ? remove_unused(*old) : Status(ok);
}

Result<std::string> ModelStore::manifest_bytes(const ModelName& name) const {
  auto bytes = read_file(path_of(spelling(name)), kMaxManifestFile);
  if (!bytes && bytes.error().code == Errc::not_found)
    return Error{Errc::not_found, "model '" + name.short_form() + "' not found"};
  return bytes;
}

std::optional<Manifest> ModelStore::manifest(const ModelName& name) const {
  const auto file = cache_->read(path_of(spelling(name)));
  return file ? std::optional<Manifest>((*file)->manifest) : std::nullopt;
}

std::vector<std::string> ModelStore::unused(const Manifest& old) const {
  std::vector<std::string> out;
  if (pruning_is_off()) return out;
  const std::set<std::string> before = digests_of(old), now = named();
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                      std::back_inserter(out));
  return out;
}

Status ModelStore::remove_unused(const Manifest& old) const {
  return pruning_is_off() ? Status(ok) : remove_unnamed(digests_of(old));
}

void ModelStore::rename_old_blobs() const {
  for (const std::string& entry : folder_entries(blobs_.folder(), false)) {
    if (!entry.starts_with("sha256:")) continue;
    const std::string from = blobs_.folder() + "/" + entry;
    std::string to = from;
    to[blobs_.folder().size() + 7] = '-';
    if (::rename(from.c_str(), to.c_str()) != 0)
      log_warn("cannot rename {}: {}", from, std::strerror(errno));
  }
}

void ModelStore::prune() const {
  std::error_code ec;
  if (!fs::is_directory(blobs_.folder(), ec)) return;
  rename_old_blobs();
  if (pruning_is_off() || !prune_blobs()) return;
  remove_empty_folders(root_);
}

// false: the store is left alone.
bool ModelStore::prune_blobs() const {
  const StoreLock lock(root_, StoreLock::exclusive, std::chrono::milliseconds(0));
  if (lock.busy()) {
    log_info("the store is not pruned: somebody adds to it");
    return false;
  }
  const ManifestTree tree = scan_manifests(root_);
  if (!tree.odd.empty()) {
    log_warn("the store is not pruned: {} is not a valid model name", tree.odd.front());
    return false;
  }
  std::set<std::string> used;
  for (const ModelName& name : tree.names) {
    const auto file = cache_->read(path_of(name));
    if (!file) {
      log_warn("the store is not pruned: model '{}': {}", name.short_form(), file.error().message);
      return false;
    }
    append_digests((*file)->manifest, used);
  }
  for (const std::string& entry : folder_entries(blobs_.folder(), false)) {
    if (valid_digest(entry) && used.contains(plain_digest(entry))) continue;
    const std::string path = blobs_.folder() + "/" + entry;
    if (is_young(path) || (entry.ends_with("-partial") && is_locked(path))) continue;
    std::error_code ec;
    if (!fs::remove(path, ec) || ec) log_warn("cannot remove {}: {}", path, ec.message());
  }
  for (const std::string& entry : folder_entries(root_, true)) {  // of conversions that were killed
    const std::string path = root_ + "/" + entry;
    std::error_code ec;
    if (entry.starts_with(kConversionFolder) && !is_young(path)) fs::remove_all(path, ec);
  }
  return true;
}

}  // namespace engine
