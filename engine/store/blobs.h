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
#include "engine/store/files.h"

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
  // Digits of the digest are written small. Requires: valid_digest(digest).
  std::string path(std::string_view digest) const;
  bool has(std::string_view digest) const;
  // Bytes of a blob; Errc::not_found `blob "<digest>" not found`.
  Result<int64_t> size(std::string_view digest) const;
  // Sets the time of a blob to now, which protects it from the one-hour rule of a running Ollama.
  void touch(std::string_view digest) const;
  // digest "": take whatever the bytes hash to; else Errc::corrupt `digest mismatch, expected "<a>",
  // got "<b>"` on a difference, and nothing is kept. size: how many bytes are to come, -1 for
  // unknown; without the space for them nothing is written. An existing blob is kept and touched.
  Result<BlobInfo> put(std::string_view digest, const ByteSource& source, int64_t size = -1) const;
  // A finished file becomes a blob: hashed, synced, renamed. It is gone from `file` afterwards.
  // Requires: it lies on the same file system, and nobody writes it any more.
  Result<BlobInfo> adopt(const std::string& file) const;
  // A text blob of at most max_bytes.
  Result<std::string> read_text(std::string_view digest, size_t max_bytes = size_t{16} << 20) const;
  Status remove(std::string_view digest) const;  // already missing is fine

 private:
  std::string folder_;
};

}  // namespace engine
