// The content-addressed files of the store: blobs/sha256-<64 hex>.
// A blob name always means a verified blob: bytes go to a temporary file first,
// are hashed while they are written, synced, and renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/result.h"

namespace engine {

// Fills the buffer with the next bytes and returns how many; 0 at the end.
using ByteSource = std::function<Result<size_t>(std::span<std::byte>)>;

ByteSource source_of(std::string_view text);  // text outlives the source
Result<ByteSource> source_of_file(const std::string& path);

struct BlobInfo {
  std::string digest;  // "sha256:<64 hex>"
  int64_t size = 0;
  bool existed = false;
};

// Thread-safe: holds only the folder's path.
class BlobFolder {
 public:
  explicit BlobFolder(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  // Requires: valid_digest(digest).
  std::string path(std::string_view digest) const;
  bool has(std::string_view digest) const;
  // Sets the time of a blob to now, which protects it from the one-hour rule of a running Ollama.
  void touch(std::string_view digest) const;
  // digest "": take whatever the bytes hash to; else Errc::corrupt on a difference.
  // An existing blob is kept.
  Result<BlobInfo> put(std::string_view digest, const ByteSource& source) const;
  // A text blob of at most max_bytes.
  Result<std::string> read_text(std::string_view digest, size_t max_bytes = size_t{16} << 20) const;
  Status remove(std::string_view digest) const;  // already missing is fine

 private:
  std::string folder_;
};

// Writes a whole file under a temporary name in `temp_folder`, syncs it and renames it to `path`.
Status write_file_atomically(const std::string& temp_folder, const std::string& path,
                             std::string_view bytes);
Result<std::string> read_file(const std::string& path, size_t max_bytes);

}  // namespace engine
