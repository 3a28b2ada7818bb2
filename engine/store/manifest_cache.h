// Manifests that have been read, kept as long as their files do not change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/manifest.h"

namespace engine {

struct ManifestFile {
  Manifest manifest;
  std::string digest;  // 64 hex: SHA-256 of the bytes of the file
  int64_t modified = 0, modified_ns = 0;
  std::optional<ModelConfig> config;  // only what with_config() read
};

// Thread-safe.
class ManifestCache {
 public:
  // A file that cannot be read or parsed is an error, and is tried again the next time.
  Result<std::shared_ptr<const ManifestFile>> read(const std::string& path);
  // The same with the config the manifest points at; `problem` says why there is none ("": the
  // manifest points at none).
  Result<std::shared_ptr<const ManifestFile>> with_config(const std::string& path,
                                                          const BlobFolder& blobs,
                                                          std::string& problem);

 private:
  struct Entry {
    int64_t inode, size, modified, modified_ns, changed_ns;
    std::shared_ptr<const ManifestFile> file;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace engine
